//! Keys: the messages and blocks that a key signed, and the messages to it or to a name. Blocks are
//! searched from a height downwards.
//!
//! There is no index by key. An answer names the blocks that were searched, and the client
//! continues from there. The answer for the newest blocks also looks at the head of the mempool.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use plexus_core::ledger::json::{self, MessageStatus};
use plexus_core::primitives::block::Block;
use plexus_core::primitives::hash::Hash;
use plexus_core::primitives::key::PublicKey;
use plexus_core::primitives::message::{Message, RECIPIENT_BYTES_MAX};
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
/// The most messages of the mempool that one answer looks at. The driver copies their pointers, and
/// the rest of the work is done elsewhere.
const POOL_SEARCH_MAX: usize = 1_000;

/// The range to search.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Span {
    /// The height to start from, downwards. The newest block if left out.
    to: Option<u64>,
    /// A name of at most 128 bytes. Messages to it are found like messages to the key.
    recipient: Option<String>,
}

/// The key and the name whose messages are searched.
struct Wanted {
    key: PublicKey,
    /// The key as a recipient.
    key_name: String,
    recipient: Option<String>,
}

impl Wanted {
    fn new(key: PublicKey, recipient: Option<String>) -> Result<Self, ApiError> {
        if recipient.as_ref().is_some_and(|name| name.len() > RECIPIENT_BYTES_MAX) {
            return Err(ApiError::malformed(format!(
                "recipient: a recipient has at most {RECIPIENT_BYTES_MAX} bytes"
            )));
        }
        Ok(Self { key, key_name: key.to_string(), recipient })
    }

    fn matches(&self, message: &Message) -> bool {
        let to = message.recipient();
        *message.sender() == self.key || to == self.key_name || self.recipient.as_deref() == Some(to)
    }
}

/// Messages and blocks that a key signed, and messages to it, the newest first
///
/// One answer covers up to 10,000 blocks of up to 16 MiB, and ends with the block that brings it to
/// 200 messages or blocks. `from` is the lowest height that was searched. Without `to`, `pending` has
/// those of the mempool's first 1,000 messages, at most 200.
#[utoipa::path(get, path = "/api/v1/keys/{key}", operation_id = "key", tag = "ledger",
    params(("key" = String, Path, description = "A public key, 66 hex digits"), Span),
    responses((status = 200, body = Traces), (status = 400, body = crate::http::error::Refusal),
        (status = 503, description = "Too many ask at once", body = crate::http::error::Refusal)))]
pub(super) async fn show(
    State(app): State<AppState>,
    key: Result<Path<String>, PathRejection>,
    query: Result<Query<Span>, QueryRejection>,
) -> Result<Json<Traces>, ApiError> {
    let (Path(text), Query(Span { to, recipient })) = (key?, query?);
    let key: PublicKey =
        text.parse().map_err(|_| ApiError::malformed("a key is named by its 66 hex digits"))?;
    let wanted = Wanted::new(key, recipient)?;
    let network = *app.handle.network().id();
    let permit = Arc::clone(&app.searches).try_acquire_owned().map_err(|_| ApiError::busy())?;
    // The mempool first: a message moves from it to a block.
    let pool = if to.is_none() { app.handle.pool(POOL_SEARCH_MAX).await? } else { Vec::new() };
    Ok(Json(
        read(&app.handle, move |store| {
            let _permit = permit;
            let pending = pool.iter().filter(|message| wanted.matches(message)).take(LIST_MAX);
            let pending = pending.map(|message| json::MessageView::new(message, &network)).collect();
            let traces = search(store, &network, &wanted, to)?;
            Ok(Traces { pool_searched: pool.len(), pending, ..traces })
        })
        .await?,
    ))
}

fn search(store: &Store, network: &Hash, wanted: &Wanted, to: Option<u64>) -> Result<Traces, StoreError> {
    let view = store.view()?;
    let tip = view.tip()?;
    let to = to.unwrap_or(tip.height).min(tip.height);
    let mut traces = Traces {
        key: wanted.key_name.clone(),
        from: to,
        to,
        pool_searched: 0,
        pending: Vec::new(),
        messages: Vec::new(),
        blocks: Vec::new(),
    };
    let mut bytes = 0;
    // The genesis block has no author and no messages.
    let first = view.kept_from()?.max(1);
    if to < first
        && let Some(hash) = view.hash_at(to)?
    {
        // The error says that the body was deleted.
        view.block(&hash)?;
    }
    for height in (first..=to).rev().take(usize::try_from(BLOCKS_MAX).unwrap_or(usize::MAX)) {
        let Some(stored) = view.hash_at(height)?.map(|hash| view.block(&hash)).transpose()?.flatten() else {
            break;
        };
        let Ok(block) = Block::decode(&stored.block) else { break };
        traces.from = height;
        let (hash, header) = (stored.place.hash, &block.header);
        if block.author == wanted.key {
            let time_unix_ms = header.time.unix_ms();
            traces.blocks.push(Authored { number_of_block: height, block: hash.to_string(), time_unix_ms });
        }
        let below = stored.place.total_work.hashes().saturating_sub(header.work().hashes());
        let work_above = Work::from_hashes(tip.total_work.hashes().saturating_sub(below)).to_string();
        let ours = block.messages.iter().filter(|message| wanted.matches(message));
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
