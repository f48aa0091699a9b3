//! `distance NODES SEED`: runs real nodes in an enclosure at given distances, and prints the
//! findings as JSON.
//!
//! It ends when its standard input is closed, and ends all processes that it started.

#[cfg(target_os = "linux")]
fn main() {
    use std::io::Read;

    use plexus_tests::{distance, enclosure};

    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [nodes, seed] = [0, 1].map(|index| {
        let number = arguments.get(index).and_then(|text| text.parse::<u64>().ok());
        number.expect("distance NODES SEED")
    });
    let nodes = usize::try_from(nodes).expect("few nodes");
    if std::process::id() != 1 {
        let program = std::env::current_exe().expect("this program has a file");
        let status = enclosure::enclosed(program).args(arguments).status().expect("unshare can be run");
        std::process::exit(status.code().unwrap_or(1));
    }
    let life = distance::life_max(nodes);
    std::thread::spawn(move || {
        std::thread::sleep(life);
        eprintln!("not done within {} s", life.as_secs());
        std::process::exit(1);
    });
    std::thread::spawn(|| {
        // Any content is ignored. Only the end of the input counts.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(1);
    });
    let findings = distance::run(nodes, seed);
    println!("{}", serde_json::to_string_pretty(&findings).expect("numbers are JSON"));
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("network namespaces are Linux's");
    std::process::exit(1);
}
