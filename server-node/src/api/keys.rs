//! Keys: what one signed, and what is written to it, found by looking through blocks from a height downwards.
//!
//! Nothing is indexed by key: an answer says which blocks were looked through, and whoever wants more asks from there on.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use plexus_core::block::Block;
use plexus_core::key::PublicKey;
use plexus_core::pow::Work;
use plexus_core::view::{self, MessageStatus};
use serde::Deserialize;
use utoipa::IntoParams;

use super::view::{Authored, Traces};
use super::{ApiError, LIST_MAX, read};
use crate::app::App;
use crate::store::{Store, StoreError};

/// How many searches run at once; whoever asks beyond that is told to ask again.
pub(crate) const SEARCHES_MAX: usize = 2;
/// The most blocks that are looked through for one answer,
const BLOCKS_MAX: u64 = 10_000;
/// and their most bytes.
const BYTES_MAX: usize = 16 << 20;

/// Where to look.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Span {
    /// The height to start from, downwards; left out, the newest block.
    to: Option<u64>,
}

/// What a key signed and what is written to it, the newest first
///
/// One answer covers up to 10,000 blocks of up to 16 MiB, and ends with the block that brings it to 200 messages or blocks: `from` says
/// how far down it looked.
#[utoipa::path(get, path = "/api/v1/keys/{key}", tag = "ledger",
    params(("key" = String, Path, description = "A public key, 66 hex digits"), Span),
    responses((status = 200, body = Traces), (status = 400, body = super::view::Refusal),
        (status = 503, description = "Too many ask at once", body = super::view::Refusal)))]
pub(super) async fn show(
    State(app): State<App>,
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
    network: &plexus_core::hash::Hash,
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
            message: view::Message::new(message, network),
            pending: false,
            number_of_block: Some(height),
            block: Some(hash),
            work_above: Some(work_above.clone()),
        }));
        bytes += stored.block.len();
        // The last block's messages are all there: none is lost between two answers.
        if bytes >= BYTES_MAX || traces.messages.len() >= LIST_MAX || traces.blocks.len() >= LIST_MAX {
            break;
        }
    }
    Ok(traces)
}
