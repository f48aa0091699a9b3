//! The graphics processor as one more searcher: present when this program was built with the feature `gpu`.

#[cfg(not(feature = "gpu"))]
mod absent;
#[cfg(feature = "gpu")]
mod device;

use plexus_core::kernel::gpu::AnswerError;

#[cfg(not(feature = "gpu"))]
pub use absent::Gpu;
#[cfg(feature = "gpu")]
pub use device::Gpu;

/// Why a graphics processor does not mine, or no longer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GpuError {
    /// The program was built without it.
    #[error(
        "this plexus was built without mining on graphics processors: build it with `cargo build --release --features gpu`"
    )]
    NotBuilt,
    /// There is none that can be used.
    #[error(
        "there is no graphics processor to mine on ({reason}): install its driver for Vulkan, Metal or DirectX 12, or leave --mine-gpu out"
    )]
    Missing {
        /// What the system says.
        reason: String,
    },
    /// It does not do what it is asked.
    #[error("{name} failed: {reason}")]
    Failed {
        /// What the system calls it.
        name: String,
        /// What the system says.
        reason: String,
    },
    /// It answers what no working device does.
    #[error("{name} does not work as it should: {error}")]
    Answer {
        /// What the system calls it.
        name: String,
        /// What is wrong.
        error: AnswerError,
    },
    /// It does not find what the portable kernel finds.
    #[error("{name} computes wrongly: it does not find what the portable kernel finds")]
    Wrong {
        /// What the system calls it.
        name: String,
    },
}
