//! The user's operations on keys that wait for the store. The store is read again each time,
//! because other tabs write to it as well.

use core::cell::RefMut;
use std::rc::Rc;

use plexus_core::primitives::encrypted_key::{Cost, SaltAndNonce};
use plexus_core::primitives::identity::Identity;
use zeroize::Zeroizing;

use super::Runtime;
use crate::keys::keyring::{KeyDraftView, Keyring, KeyringError, NewKey, Stored};
use crate::messages::UserError;

/// A passphrase, wiped when it is dropped. `None` for a key that is to live in this tab alone.
pub(crate) type Passphrase = Option<Zeroizing<String>>;

impl Runtime {
    /// Returns the keys as they are known.
    pub(crate) fn keyring(&self) -> RefMut<'_, Keyring> {
        RefMut::map(self.driver.borrow_mut(), |driver| driver.keys())
    }

    /// Reads the stored keys.
    async fn look(&self) -> Result<(), UserError> {
        let database = self.database.borrow().clone();
        if let Some(database) = database {
            let stored = Stored::read(&database).await.map_err(UserError::because)?;
            self.keyring().load(&stored);
        }
        Ok(())
    }

    fn changed(self: &Rc<Self>) {
        self.enter(|driver, now| driver.keys_changed(now));
    }

    /// Returns all keys, as they are now. The page is told as well.
    pub(crate) async fn keys(self: Rc<Self>) -> Result<String, UserError> {
        self.look().await?;
        self.changed();
        serde_json::to_string(&self.keyring().views()).map_err(UserError::because)
    }

    /// Begins to make a key. Returns its words, and the places of the words that the user is asked
    /// for.
    pub(crate) fn make_key(&self) -> Result<String, UserError> {
        let mut random = Zeroizing::new([0; 64]);
        getrandom::fill(&mut *random).map_err(UserError::because)?;
        let KeyDraftView { words, places } = self.keyring().make(&random).map_err(UserError::because)?;
        Ok(format!(r#"{{"words":"{}","places":{places:?}}}"#, *words))
    }

    /// Keeps the key that is being made, if the user has confirmed its words. Returns its public key.
    pub(crate) async fn confirm_key(
        self: Rc<Self>,
        words: Zeroizing<String>,
        name: String,
        passphrase: Passphrase,
    ) -> Result<String, UserError> {
        let identity = self.keyring().confirmed(&words).map_err(UserError::because)?;
        self.keep(name, identity, passphrase).await
    }

    /// Keeps the key of 24 words. Returns its public key.
    pub(crate) async fn restore(
        self: Rc<Self>,
        words: Zeroizing<String>,
        name: String,
        passphrase: Passphrase,
    ) -> Result<String, UserError> {
        let identity = Identity::from_words(&words).map_err(UserError::because)?;
        self.keep(name, identity, passphrase).await
    }

    /// Makes a key that lives in this tab alone, and selects it. Returns its public key.
    pub(crate) fn make_ephemeral_key(self: &Rc<Self>, name: &str) -> Result<String, UserError> {
        let mut entropy = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *entropy).map_err(UserError::because)?;
        let identity = Identity::from_entropy(&entropy).map_err(UserError::because)?;
        let public = self.keyring().add_tab(name, identity).map_err(UserError::because)?;
        self.changed();
        Ok(public.to_string())
    }

    async fn keep(
        self: &Rc<Self>,
        name: String,
        identity: Identity,
        passphrase: Passphrase,
    ) -> Result<String, UserError> {
        self.look().await?;
        let Some(passphrase) = passphrase else {
            let public = self.keyring().add_tab(&name, identity).map_err(UserError::because)?;
            self.changed();
            return Ok(public.to_string());
        };
        let random = random()?;
        let new_key = self.keyring().encrypt(&name, identity, &passphrase, &random, Cost::USUAL);
        self.store(new_key).await
    }

    /// Encrypts the key that an earlier version stored unencrypted. Returns its public key.
    pub(crate) async fn protect(
        self: Rc<Self>,
        name: String,
        passphrase: Zeroizing<String>,
    ) -> Result<String, UserError> {
        self.look().await?;
        let random = random()?;
        let new_key = self.keyring().protect(&name, &passphrase, &random, Cost::USUAL);
        self.store(new_key).await
    }

    async fn store(self: &Rc<Self>, new_key: Result<NewKey, KeyringError>) -> Result<String, UserError> {
        let new_key = new_key.map_err(UserError::because)?;
        let Some(database) = self.database.borrow().clone() else {
            let reason = "this browser keeps nothing here: use the key in this tab only";
            return Err(UserError(reason.to_owned()));
        };
        database.commit(new_key.writes()).await.map_err(UserError::because)?;
        let public = self.keyring().stored(new_key);
        self.changed();
        Ok(public.to_string())
    }

    /// Unlocks a key and selects it. Returns its public key.
    pub(crate) async fn unlock(
        self: Rc<Self>,
        name: String,
        passphrase: Zeroizing<String>,
    ) -> Result<String, UserError> {
        self.look().await?;
        let public = self.keyring().unlock(&name, &passphrase).map_err(UserError::because)?;
        self.remember(&name).await?;
        Ok(public.to_string())
    }

    /// Locks all keys that are stored.
    pub(crate) fn lock(self: &Rc<Self>) {
        self.keyring().lock();
        self.changed();
    }

    /// Selects the key that signs.
    pub(crate) async fn use_key(self: Rc<Self>, name: String) -> Result<String, UserError> {
        self.look().await?;
        self.remember(&name).await?;
        Ok(String::new())
    }

    async fn remember(self: &Rc<Self>, name: &str) -> Result<(), UserError> {
        let writes = self.keyring().choose(name).map_err(UserError::because)?;
        let database = self.database.borrow().clone();
        if let Some(database) = database {
            database.commit(writes).await.map_err(UserError::because)?;
        }
        self.changed();
        Ok(())
    }

    /// Stores the key in a key file, as a node exports it. Returns its public key.
    pub(crate) async fn import_key(
        self: Rc<Self>,
        text: String,
        name: String,
        passphrase: Zeroizing<String>,
    ) -> Result<String, UserError> {
        self.look().await?;
        let random = random()?;
        let new_key = self.keyring().import(&text, &name, &passphrase, &random, Cost::USUAL);
        self.store(new_key).await
    }

    /// Returns a key as a key file, which a node imports.
    pub(crate) async fn export_key(
        self: Rc<Self>,
        name: String,
        passphrase: Zeroizing<String>,
    ) -> Result<String, UserError> {
        self.look().await?;
        let random = random()?;
        let file = self.keyring().export(&name, &passphrase, &random, Cost::USUAL);
        serde_json::to_string_pretty(&file.map_err(UserError::because)?).map_err(UserError::because)
    }

    /// Returns the 24 words of a key.
    pub(crate) async fn words(
        self: Rc<Self>,
        name: String,
        passphrase: Zeroizing<String>,
    ) -> Result<String, UserError> {
        self.look().await?;
        let identity = self.keyring().decrypt(&name, &passphrase).map_err(UserError::because)?;
        Ok(String::clone(&identity.words()))
    }
}

fn random() -> Result<SaltAndNonce, UserError> {
    let mut random: SaltAndNonce = Default::default();
    getrandom::fill(&mut random).map_err(UserError::because)?;
    Ok(random)
}
