//! Sends the requests of `plexus admin`, and prints the answers.

use hyper::Method;
use plexus_node::admin::view::{AdminStatus, BanView, Closed, Done, LogLevels, Mining, PeerUrl, Peers};

use super::client::{AdminClient, check_text, escaped};
use super::{AdminArgs, AdminRequest, PeersRequest, Switch};
use crate::command::data_dir::DataFolder;
use crate::command::{size, status, table};

/// Runs the command.
pub(super) fn run(arguments: &AdminArgs) -> anyhow::Result<()> {
    let data = DataFolder { data: arguments.data.clone() }.folder(arguments.network.name())?;
    let client = AdminClient::new(&data, arguments.admin_socket.as_deref())?;
    let json = arguments.json;
    match &arguments.request {
        AdminRequest::Status => show_status(&client, json),
        AdminRequest::Peers { request: None | Some(PeersRequest::List) } => list(&client, json),
        AdminRequest::Peers { request: Some(request) } => peers(&client, request, json),
        AdminRequest::Mining { state, threads } => {
            let threads = threads.map(|threads| usize::try_from(threads).unwrap_or(usize::MAX));
            let mining = Mining { on: *state == Switch::On, threads };
            let Done {} = client.send(Method::PUT, "/mining", &mining)?;
            done(json, if mining.on { "mining is on" } else { "mining is off" })
        }
        AdminRequest::Log { levels } => {
            let log: LogLevels = match levels {
                Some(levels) => {
                    client.send(Method::PUT, "/log", &LogLevels { levels: levels.to_string() })?
                }
                None => client.ask(Method::GET, "/log")?,
            };
            if json { table::print_json(&log) } else { table::print(&table::one_line(&log.levels)) }
        }
        AdminRequest::Stop => {
            let Done {} = client.ask(Method::POST, "/stop")?;
            done(json, "the node is stopping")
        }
    }
}

/// Prints that a request is done.
fn done(json: bool, text: &str) -> anyhow::Result<()> {
    if json { table::print_json(&Done {}) } else { table::print(text) }
}

fn show_status(client: &AdminClient, json: bool) -> anyhow::Result<()> {
    let admin: AdminStatus = client.ask(Method::GET, "/status")?;
    if json {
        return table::print_json(&admin);
    }
    let AdminStatus { status, .. } = &admin;
    let free = admin.disk_free.map_or_else(|| "unknown".to_owned(), size::display);
    let disk = match admin.disk_full {
        true => format!("{free} free: NEARLY FULL, no block or message is taken"),
        false => format!("{free} free, {} stay free", size::display(admin.disk_reserve)),
    };
    let mining = match status.mining {
        true => format!("on, {} threads", admin.mining_threads),
        false => "off, or waiting until it is useful".to_owned(),
    };
    let mut rows = vec![
        ("version", table::one_line(&status.version)),
        ("process", admin.process.to_string()),
        ("network", table::one_line(&status.network)),
        ("data", table::one_line(&admin.data)),
        ("disk", disk),
        ("height", status.height.to_string()),
        ("tip", status.tip.to_string()),
        ("peers", status::peers(status)),
        ("pool", format!("{} messages", status.pool)),
        ("mining", mining),
        ("bodies", status::bodies(status)),
    ];
    rows.extend(status.lacking.map(|height| ("lacking", status::lacking(height))));
    table::print(&table::pairs(&rows))
}

fn list(client: &AdminClient, json: bool) -> anyhow::Result<()> {
    let Peers { peers, bans } = client.ask(Method::GET, "/peers")?;
    if json {
        return table::print_json(&Peers { peers, bans });
    }
    let mut rows = table::headed(&["id", "role", "bodies", "address", "key"]);
    for peer in &peers {
        let address = peer.outbound.as_deref().or(peer.listen.as_deref()).unwrap_or("inbound");
        rows.add_row([
            peer.id.to_string(),
            table::one_line(peer.role.as_deref().unwrap_or("–")),
            table::one_line(peer.bodies.as_deref().unwrap_or("–")),
            table::one_line(address),
            peer.key.map_or_else(|| "–".to_owned(), |key| key.to_string()),
        ]);
    }
    table::print(&table::lines(rows))?;
    if bans.is_empty() {
        return table::print("no bans");
    }
    let mut rows = table::headed(&["banned", "seconds left"]);
    for ban in &bans {
        rows.add_row([table::one_line(&ban.target), ban.seconds.to_string()]);
    }
    table::print(&table::lines(rows))
}

fn peers(client: &AdminClient, request: &PeersRequest, json: bool) -> anyhow::Result<()> {
    match request {
        PeersRequest::List => list(client, json),
        PeersRequest::Add { url } => {
            let Done {} = client.send(Method::POST, "/peers", &PeerUrl { url: url.to_string() })?;
            done(json, &format!("the node stays connected to {url} until it ends"))
        }
        PeersRequest::Drop { id } => {
            let Done {} = client.ask(Method::DELETE, &format!("/peers/{id}"))?;
            done(json, &format!("peer {id} is dropped"))
        }
        PeersRequest::Ban { target, length } => {
            check_text(target)?;
            let ban = BanView { target: target.clone(), seconds: length.as_secs() };
            let closed: Closed = client.send(Method::POST, "/bans", &ban)?;
            if json {
                return table::print_json(&closed);
            }
            let target = table::one_line(target);
            table::print(&format!("{target} is banned, {} connections are closed", closed.closed))
        }
        PeersRequest::Unban { target } => {
            check_text(target)?;
            let Done {} = client.ask(Method::DELETE, &format!("/bans?target={}", escaped(target)))?;
            done(json, &format!("{} is banned no more", table::one_line(target)))
        }
    }
}
