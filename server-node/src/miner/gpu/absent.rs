//! The graphics processor of a program that was built without the feature `gpu`: there is none.

use plexus_core::mine::{Search, Solution};

use super::GpuError;

/// A graphics processor: no value of it exists.
#[derive(Debug)]
pub enum Gpu {}

impl Gpu {
    /// Says how to build a program that has it.
    ///
    /// # Errors
    /// Always.
    pub fn open() -> Result<Self, GpuError> {
        Err(GpuError::NotBuilt)
    }

    /// What the system calls it.
    pub fn name(&self) -> &str {
        match *self {}
    }

    /// One dispatch of a search.
    ///
    /// # Errors
    /// None.
    pub fn search(&mut self, _search: &mut Search) -> Result<Option<Solution>, GpuError> {
        match *self {}
    }
}
