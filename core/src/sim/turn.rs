//! A turn: one input of one node, its outputs, and the answers to them.

use std::collections::VecDeque;

use crate::mining::job::Job;
use crate::node::{Input, Output};

/// The queues of the node that is handling an input. Both are empty between inputs.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// The answers of the store and the verifier.
    pub(super) answers: VecDeque<Input>,
    pub(super) outputs: Vec<Output>,
    /// The node's mining job.
    pub(super) job: Option<Job>,
}
