//! Keys: the messages and blocks that a key signed, and the messages to it. Blocks are searched
//! from a height downwards.
//!
//! There is no index by key. An answer names the blocks that were searched, and the client
//! continues from there.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use plexus_core::ledger::json::{self, MessageStatus};
use plexus_core::primitives::block::Block;
use plexus_core::primitives::key::PublicKey;
use plexus_core::primitives::pow::Work;
use serde::Deserialize;
use utoipa::IntoParams;

use super::LIST_MAX;
use super::view::{Authored, Traces};
use crate::http::blocking::read;
use crate::http::error::ApiError;
use crate::http::state::AppState;
use crate::store::{Store, StoreError};

/// The most searches at a time. Further requests are refused and may be repeated.
pub(crate) const SEARCHES_MAX: usize = 2;
/// The most blocks that are searched for one answer.
const BLOCKS_MAX: u64 = 10_000;
/// The most bytes of these blocks.
const BYTES_MAX: usize = 16 << 20;

/// The range to search.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Span {
    /// The height to start from, downwards. The newest block if left out.
    to: Option<u64>,
}

/// Messages and blocks that a key signed, and messages to it, the newest first
///
/// One answer covers up to 10,000 blocks of up to 16 MiB, and ends with the block that brings it to
/// 200 messages or blocks. `from` is the lowest height that was searched.
#[utoipa::path(get, path = "/api/v1/keys/{key}", tag = "ledger",
    params(("key" = String, Path, description = "A public key, 66 hex digits"), Span),
    responses((status = 200, body = Traces), (status = 400, body = crate::http::error::Refusal),
        (status = 503, description = "Too many ask at once", body = crate::http::error::Refusal)))]
pub(super) async fn show(
    State(app): State<AppState>,
    key: Result<Path<String>, PathRejection>,
    query: Result<Query<Span>, QueryRejection>,
) -> Result<Json<Traces>, ApiError> {
    let (Path(text), Query(Span { to })) = (key?, query?);
    let key: PublicKey =
        text.parse().map_err(|_| ApiError::malformed("a key is named by its 66 hex digits"))?;
    let network = *app.handle.network().id();
    let permit = Arc::clone(&app.searches).try_acquire_owned().map_err(|_| ApiError::busy())?;
    Ok(Json(
        read(&app.handle, move |store| {
            let _permit = permit;
            search(store, &network, key, to)
        })
        .await?,
    ))
}

fn search(
    store: &Store,
    network: &plexus_core::primitives::hash::Hash,
    key: PublicKey,
    to: Option<u64>,
) -> Result<Traces, StoreError> {
    let view = store.view()?;
    let tip = view.tip()?;
    let to = to.unwrap_or(tip.height).min(tip.height);
    let name = key.to_string();
    let mut traces = Traces { key: name.clone(), from: to, to, messages: Vec::new(), blocks: Vec::new() };
    let mut bytes = 0;
    // The genesis block has no author and no messages.
    for height in (1..=to).rev().take(usize::try_from(BLOCKS_MAX).unwrap_or(usize::MAX)) {
        let Some(stored) = view.hash_at(height)?.map(|hash| view.block(&hash)).transpose()?.flatten() else {
            break;
        };
        let Ok(block) = Block::decode(&stored.block) else { break };
        traces.from = height;
        let (hash, header) = (stored.place.hash, &block.header);
        if block.author == key {
            let time_unix_ms = header.time.unix_ms();
            traces.blocks.push(Authored { number_of_block: height, block: hash.to_string(), time_unix_ms });
        }
        let below = stored.place.total_work.hashes().saturating_sub(header.work().hashes());
        let work_above = Work::from_hashes(tip.total_work.hashes().saturating_sub(below)).to_string();
        let ours =
            block.messages.iter().filter(|message| *message.sender() == key || message.recipient() == name);
        traces.messages.extend(ours.map(|message| MessageStatus {
            message: json::MessageView::new(message, network),
            pending: false,
            number_of_block: Some(height),
            block: Some(hash),
            work_above: Some(work_above.clone()),
        }));
        bytes += stored.block.len();
        // All messages of the last block are included, so none is lost between two answers.
        if bytes >= BYTES_MAX || traces.messages.len() >= LIST_MAX || traces.blocks.len() >= LIST_MAX {
            break;
        }
    }
    Ok(traces)
}
