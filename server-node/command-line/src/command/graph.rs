//! `plexus graph`: the network as a node sees it, in words or as a picture.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use plexus_core::peers::topology::render::{Drawing, SvgOptions};
use plexus_node::api::graph::Graph;

use super::{atomic_file, client, table};

#[derive(Debug, Args)]
pub(super) struct GraphArgs {
    #[command(flatten)]
    client: client::NodeSource,
    /// Draw the graph as SVG into this file, or to standard output for -
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dot", "json"])]
    svg: Option<PathBuf>,
    /// Print the graph for Graphviz
    #[arg(long, conflicts_with = "json")]
    dot: bool,
}

/// Runs the command.
pub(super) fn run(arguments: &GraphArgs) -> anyhow::Result<()> {
    let graph: Graph = arguments.client.client().get("/api/v1/graph")?;
    if arguments.client.json {
        return table::print_json(&graph);
    }
    if arguments.dot {
        return table::print(&Drawing::new(&graph.topology()).dot());
    }
    let Some(file) = &arguments.svg else { return table::print(&shown(&graph)) };
    let svg = Drawing::new(&graph.topology()).svg(&SvgOptions { title: title(&graph), ..Default::default() });
    if file == Path::new("-") {
        return table::print(&svg);
    }
    atomic_file::write(file, |out| Ok(out.write_all(svg.as_bytes())?))?;
    eprintln!("the network is drawn in {}", file.display());
    Ok(())
}

fn title(graph: &Graph) -> String {
    let left_out = graph.nodes_in_all - graph.nodes.len().min(graph.nodes_in_all);
    let left_out = if left_out > 0 { format!(", {left_out} farther ones left out") } else { String::new() };
    format!("The network from {}{left_out}", table::brief(&graph.own.to_string(), 9))
}

fn shown(graph: &Graph) -> String {
    let counts = |counts: &[usize]| counts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let rows = [
        ("own key", graph.own.to_string()),
        ("nodes", graph.nodes_in_all.to_string()),
        ("links", graph.links.len().to_string()),
        ("diameter", format!("{:.1} ms", graph.diameter_ms)),
        ("nodes by hops", counts(&graph.levels)),
        ("communities", counts(&graph.communities)),
        ("cut off", graph.cut_off.to_string()),
        ("weak points", graph.weak_points.to_string()),
        ("bridges", graph.bridges.to_string()),
    ];
    let summary = table::pairs(&rows);
    if graph.nearest.is_empty() {
        return format!("{summary}\n\nno links yet: peers certify them some time after they connect");
    }
    let mut nearest = table::headed(&["nearest", "distance"]);
    for near in &graph.nearest {
        nearest.add_row([near.key.to_string(), format!("{:.1} ms", near.distance_ms)]);
    }
    format!("{summary}\n\n{}", table::lines(nearest))
}
