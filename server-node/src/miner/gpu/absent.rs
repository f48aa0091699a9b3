//! The stand-in for the graphics processor in a program that was built without the feature `gpu`.

use plexus_core::mining::job::Solution;
use plexus_core::mining::search::Search;

use super::GpuError;

/// A graphics processor. This type has no values.
#[derive(Debug)]
pub enum Gpu {}

impl Gpu {
    /// Returns an error that says how to build a program with the feature.
    ///
    /// # Errors
    /// Always.
    pub fn open() -> Result<Self, GpuError> {
        Err(GpuError::NotBuilt)
    }

    /// Returns the system's name for it.
    pub fn name(&self) -> &str {
        match *self {}
    }

    /// Runs one dispatch of a search.
    ///
    /// # Errors
    /// Never.
    pub fn search(&mut self, _search: &mut Search) -> Result<Option<Solution>, GpuError> {
        match *self {}
    }
}
