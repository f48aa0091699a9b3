//! The identity of a store: its format, its network, and its version of the protocol.

use std::path::Path;

use plexus_core::primitives::block::VERSION;
use plexus_core::primitives::hash::Hash;
use redb::{AccessGuard, ReadTransaction, ReadableTable};

use super::table::{self, HeaderRecord, PlaceKey};
use super::{StoreError, StoreResult};

/// Returns the store's format. Fails if this program can neither read nor upgrade it.
pub(super) fn check_format(data: &Path, found: &[u8]) -> StoreResult<u64> {
    let found = <[u8; 8]>::try_from(found).map_or(0, u64::from_be_bytes);
    let expected = table::FORMAT;
    match found {
        table::FORMAT => Ok(found),
        _ if table::FORMATS_WITH_FEWER_TABLES.contains(&found) => Ok(found),
        _ => Err(StoreError::OtherFormat { data: data.to_owned(), expected, found }),
    }
}

/// Fails if the store is of another network, or follows another version of the protocol.
pub(super) fn check_network(
    headers: &impl ReadableTable<&'static PlaceKey, &'static HeaderRecord>,
    data: &Path,
    found: &[u8],
    expected: &Hash,
) -> StoreResult<()> {
    let found = <[u8; 32]>::try_from(found).map_or(Hash::ZERO, Hash::from_bytes);
    let (data, expected) = (data.to_owned(), *expected);
    if found == expected {
        return Ok(());
    }
    // The ids of all networks change with the version of the protocol.
    let genesis = headers.get(&table::place_key(0, &found))?.map(|record| table::header_of(record.value()));
    match genesis {
        Some(Ok((genesis, _))) if genesis.version != VERSION => {
            Err(StoreError::OtherProtocol { data, expected: VERSION, found: genesis.version })
        }
        Some(_) | None => Err(StoreError::OtherNetwork { data, expected, found }),
    }
}

/// Fails if bodies of the store were deleted.
pub(super) fn check_whole(transaction: &ReadTransaction) -> StoreResult<()> {
    let meta = transaction.open_table(table::META)?;
    let kept_from = meta.get(table::KEPT_FROM_KEY)?;
    let kept_from = table::number_of(kept_from.as_ref().map(AccessGuard::value));
    if kept_from > 1 { Err(StoreError::PrunedStore { kept_from }) } else { Ok(()) }
}
