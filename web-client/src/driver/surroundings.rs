//! The surroundings: the tasks that a driver starts, and to which they report.

use core::task::Waker;
use std::sync::Arc;

use plexus_core::ledger::signature_batch::SignatureBatch;
use plexus_core::node::ConnectionId;
use plexus_core::protocol::address::Address;

use crate::browser::socket::SocketEvent;

/// Receives the results of the tasks that the driver starts.
pub(crate) trait Surroundings {
    /// Returns true if a socket's next frame may be read. If not, the waker is woken when it may.
    fn has_room(&self, waker: &Waker) -> bool;
    /// A socket reports.
    fn reported(self: std::rc::Rc<Self>, peer: ConnectionId, address: &Address, report: SocketEvent);
    /// Checks a batch's signatures, slice by slice.
    fn verify(self: std::rc::Rc<Self>, batch: Arc<SignatureBatch>);
}
