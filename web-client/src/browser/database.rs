//! IndexedDB as a sorted map from names to bytes. It can read a range, and commit writes as one
//! transaction.
//!
//! There is one database per origin, with one object store. A transaction's completion is awaited,
//! so committed data survives a reload. Browsers only promise more at a cost for each block, and a
//! light node can always fetch its chain again.

use js_sys::{Array, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    IdbDatabase, IdbFactory, IdbKeyRange, IdbObjectStore, IdbOpenDbRequest, IdbRequest, IdbTransactionMode,
};

/// The database's name.
const NAME: &str = "plexus";
/// The version of its contents.
const VERSION: u32 = 1;
/// The object store's name.
const STORE: &str = "kept";

/// A name and the bytes stored under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DatabaseEntry {
    /// The name, without the requested prefix.
    pub(crate) key: String,
    /// The bytes.
    pub(crate) value: Vec<u8>,
}

/// One operation of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    /// Stores these bytes under this name.
    Put(String, Vec<u8>),
    /// Stores these bytes under a new name. If the name exists, the whole transaction fails.
    Add(String, Vec<u8>),
    /// Removes all names from `from` on and below `below`.
    DropRange {
        /// The first name that is removed.
        from: String,
        /// The first name that stays.
        below: String,
    },
}

impl Write {
    /// Creates the operation that removes all names from `from` on and below `below`.
    pub(crate) fn drop_range(from: &str, below: &str) -> Self {
        Self::DropRange { from: from.to_owned(), below: below.to_owned() }
    }

    /// Creates the operation that removes one name.
    pub(crate) fn drop(name: &str) -> Self {
        Self::DropRange { from: name.to_owned(), below: format!("{name}\u{1}") }
    }

    /// Returns the same operation in a part of the store.
    pub(crate) fn within(self, prefix: &str) -> Self {
        match self {
            Self::Put(key, value) => Self::Put(format!("{prefix}{key}"), value),
            Self::Add(key, value) => Self::Add(format!("{prefix}{key}"), value),
            Self::DropRange { from, below } => {
                Self::DropRange { from: format!("{prefix}{from}"), below: format!("{prefix}{below}") }
            }
        }
    }
}

/// The reason that nothing can be stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the browser's storage: {reason}")]
pub(crate) struct DatabaseError {
    /// The browser's error.
    pub(crate) reason: String,
}

impl From<JsValue> for DatabaseError {
    fn from(error: JsValue) -> Self {
        let message = Reflect::get(&error, &"message".into()).ok().and_then(|message| message.as_string());
        Self { reason: message.or_else(|| error.as_string()).unwrap_or_else(|| "it failed".to_owned()) }
    }
}

/// An open database.
#[derive(Clone, Debug)]
pub(crate) struct Database(IdbDatabase);

impl Database {
    /// Opens the origin's database. Creates it if it is missing.
    ///
    /// # Errors
    /// The browser has no database, or does not allow one here.
    pub(crate) async fn open() -> Result<Self, DatabaseError> {
        let factory: IdbFactory = Reflect::get(&js_sys::global(), &"indexedDB".into())?
            .dyn_into()
            .map_err(|_| DatabaseError { reason: "there is none".to_owned() })?;
        let request = factory.open_with_u32(NAME, VERSION)?;
        let upgrade = Closure::<dyn FnMut(web_sys::Event)>::new(|event: web_sys::Event| {
            let request = event.target().and_then(|target| target.dyn_into::<IdbOpenDbRequest>().ok());
            let database = request.and_then(|request| request.result().ok()?.dyn_into::<IdbDatabase>().ok());
            if let Some(database) = database {
                // A failure shows as a missing object store in the first transaction.
                let _ = database.create_object_store(STORE);
            }
        });
        request.set_onupgradeneeded(Some(upgrade.as_ref().unchecked_ref()));
        let database = settled(&request).await?;
        request.set_onupgradeneeded(None);
        let database: IdbDatabase =
            database.dyn_into().map_err(|_| DatabaseError { reason: "it is no database".to_owned() })?;
        Ok(Self(database))
    }

    /// Returns all entries whose names begin with `prefix`.
    ///
    /// # Errors
    /// The browser's error.
    pub(crate) async fn load(&self, prefix: &str) -> Result<Vec<DatabaseEntry>, DatabaseError> {
        let store = self.0.transaction_with_str(STORE)?.object_store(STORE)?;
        let range: JsValue = range(prefix, &format!("{prefix}~"))?.into();
        let (keys, values) = (store.get_all_keys_with_key(&range)?, store.get_all_with_key(&range)?);
        let (keys, values) = (settled(&keys).await?, settled(&values).await?);
        let (keys, values) = (Array::from(&keys), Array::from(&values));
        let entry = |(key, value): (JsValue, JsValue)| {
            let key = key.as_string()?.strip_prefix(prefix)?.to_owned();
            Some(DatabaseEntry { key, value: value.dyn_ref::<Uint8Array>()?.to_vec() })
        };
        Ok(keys.iter().zip(values.iter()).filter_map(entry).collect())
    }

    /// Returns the bytes stored under one name.
    ///
    /// # Errors
    /// The browser's error.
    pub(crate) async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, DatabaseError> {
        let store = self.0.transaction_with_str(STORE)?.object_store(STORE)?;
        let value = settled(&store.get(&name.into())?).await?;
        Ok(value.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec))
    }

    /// Executes all of `writes`, or none of them.
    ///
    /// # Errors
    /// The browser's error. Then nothing was changed.
    pub(crate) async fn commit(&self, writes: Vec<Write>) -> Result<(), DatabaseError> {
        if writes.is_empty() {
            return Ok(());
        }
        let transaction = self.0.transaction_with_str_and_mode(STORE, IdbTransactionMode::Readwrite)?;
        if let Err(error) = fill(&transaction.object_store(STORE)?, writes) {
            // Writes before the failure must not be kept without the others.
            let _ = transaction.abort();
            return Err(error.into());
        }
        let ended = Promise::new(&mut |resolve, reject| {
            transaction.set_oncomplete(Some(&resolve));
            transaction.set_onabort(Some(&reject));
        });
        let result = JsFuture::from(ended).await;
        transaction.set_oncomplete(None);
        transaction.set_onabort(None);
        match result {
            Ok(_) => Ok(()),
            Err(_) => {
                let error = transaction.error().map_or_else(|| "aborted".to_owned(), |error| error.message());
                Err(DatabaseError { reason: error })
            }
        }
    }
}

fn fill(store: &IdbObjectStore, writes: Vec<Write>) -> Result<(), JsValue> {
    for write in writes {
        match write {
            Write::Put(key, value) => store.put_with_key(&Uint8Array::from(value.as_slice()), &key.into())?,
            Write::Add(key, value) => store.add_with_key(&Uint8Array::from(value.as_slice()), &key.into())?,
            Write::DropRange { from, below } => store.delete(&range(&from, &below)?.into())?,
        };
    }
    Ok(())
}

fn range(from: &str, below: &str) -> Result<IdbKeyRange, JsValue> {
    IdbKeyRange::bound_with_lower_open_and_upper_open(&from.into(), &below.into(), false, true)
}

/// Waits for a request, and returns its result.
async fn settled(request: &IdbRequest) -> Result<JsValue, DatabaseError> {
    let promise = Promise::new(&mut |resolve, reject| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
    });
    let result = JsFuture::from(promise).await;
    request.set_onsuccess(None);
    request.set_onerror(None);
    match result {
        Ok(_) => Ok(request.result()?),
        Err(_) => {
            let error = request.error()?.map_or_else(|| "it failed".to_owned(), |error| error.message());
            Err(DatabaseError { reason: error })
        }
    }
}
