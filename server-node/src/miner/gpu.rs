//! The graphics processor as one more searcher, if this program was built with the feature `gpu`.

#[cfg(not(feature = "gpu"))]
mod absent;
#[cfg(feature = "gpu")]
mod device;

use plexus_core::mining::kernel::gpu::AnswerError;

#[cfg(not(feature = "gpu"))]
pub use absent::Gpu;
#[cfg(feature = "gpu")]
pub use device::Gpu;

/// The reason that a graphics processor does not mine, or has stopped mining.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GpuError {
    /// The program was built without it.
    #[error(
        "this plexus was built without mining on graphics processors: build it with `cargo build --release --features gpu`"
    )]
    NotBuilt,
    /// There is no usable processor.
    #[error(
        "there is no graphics processor to mine on ({reason}): install its driver for Vulkan, Metal or DirectX 12, or leave --mine-gpu out"
    )]
    Missing {
        /// The system's reason.
        reason: String,
    },
    /// It fails to execute its work.
    #[error("{name} failed: {reason}")]
    Failed {
        /// The system's name for it.
        name: String,
        /// The system's reason.
        reason: String,
    },
    /// Its answer is impossible for a working device.
    #[error("{name} does not work as it should: {error}")]
    Answer {
        /// The system's name for it.
        name: String,
        /// The error in the answer.
        error: AnswerError,
    },
    /// Its solutions differ from those of the portable kernel.
    #[error("{name} computes wrongly: it does not find what the portable kernel finds")]
    Wrong {
        /// The system's name for it.
        name: String,
    },
}
