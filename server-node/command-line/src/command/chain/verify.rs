//! Verifies a whole chain by every rule: of a node, or of a file.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::Context;
use plexus_node::api::view::StatusView;
use plexus_node::chain_file::ChainReader;
use plexus_node::chain_file::verifier::verify;
use serde_json::json;

use super::super::client::NodeClient;
use super::super::{progress, table};

/// Verifies a file or a node's chain, and prints the result.
pub(super) fn run(client: &NodeClient, file: Option<&Path>, json: bool) -> anyhow::Result<()> {
    let local = plexus_node::clock::time();
    let verifier = if let Some(path) = file {
        let cannot_read = || format!("cannot read {}", path.display());
        let file = File::open(path).with_context(cannot_read)?;
        let bytes = file.metadata().with_context(cannot_read)?.len();
        let bar = progress::bar(bytes, "verifying");
        let reader = BufReader::new(bar.wrap_read(file));
        let verified = ChainReader::new(reader).and_then(|reader| verify(reader, local, || ()));
        bar.finish_and_clear();
        verified?
    } else {
        let status: StatusView = client.get("/api/v1/status")?;
        let bar = progress::bar(status.height + 1, "verifying");
        let reader = ChainReader::new(client.stream("/api/v1/export")?)?;
        let verified = verify(reader, local, || bar.inc(1));
        bar.finish_and_clear();
        verified?
    };
    let (tip, work) = (verifier.tip().1, verifier.history().work());
    if json {
        return table::print_json(&json!({
            "valid": true,
            "network": verifier.network().name(),
            "network_id": verifier.network().id(),
            "blocks": verifier.blocks(),
            "messages": verifier.messages(),
            "tip": tip,
            "total_work": work.to_string(),
        }));
    }
    let rows = [
        ("valid", "every block keeps every rule".to_owned()),
        ("network", verifier.network().name().to_owned()),
        ("blocks", verifier.blocks().to_string()),
        ("messages", verifier.messages().to_string()),
        ("tip", tip.to_string()),
        ("total work", work.to_string()),
    ];
    table::print(&table::pairs(&rows))
}
