//! The one point where an instruction set is chosen: which there are, what detects them, and how each is entered.

use super::headers::Headers;
use super::lead::Lead;

/// Lists the sets once: a name, how many nonces a batch has, what detects it, and its scan.
macro_rules! sets {
    ($($(#[$cfg:meta])* $set:ident = $name:literal, $module:ident, $detected:expr;)*) => {
        /// An instruction set, or none.
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub(super) enum Set {
            $($(#[$cfg])* $set,)*
            Portable,
        }

        impl Set {
            /// Every set that this architecture may have, first those that are fastest on most machines.
            pub(super) const ALL: &[Self] = &[$($(#[$cfg])* Self::$set,)* Self::Portable];

            pub(super) const fn name(self) -> &'static str {
                match self {
                    $($(#[$cfg])* Self::$set => $name,)*
                    Self::Portable => "portable",
                }
            }

            /// Whether this machine has it; the standard library looks once.
            pub(super) fn is_detected(self) -> bool {
                match self {
                    $($(#[$cfg])* Self::$set => $detected,)*
                    Self::Portable => true,
                }
            }

            /// The nonces of a batch.
            pub(super) const fn lanes(self) -> u32 {
                match self {
                    $($(#[$cfg])* Self::$set => super::$module::LANES,)*
                    // All are checked anyway: so many at once.
                    Self::Portable => 1 << 16,
                }
            }

            /// How many batches of nonces, from that with these words on, pass before one that may hold a hit.
            ///
            /// # Safety
            /// The set was detected.
            #[allow(unused_unsafe, reason = "a set that the build takes for granted is safe to enter")]
            pub(super) unsafe fn scan(self, headers: &Headers, high: u32, low: u32, batches: u64) -> u64 {
                match self {
                    $($(#[$cfg])* Self::$set => {
                        let lead = Lead::new(headers, high, super::$module::ROUNDS);
                        // SAFETY: the features that this scan is compiled for were detected, says the caller.
                        unsafe { super::$module::scan(&lead, low, batches) }
                    })*
                    // Every nonce may be a hit until it is tried.
                    Self::Portable => 0,
                }
            }
        }
    };
}

sets! {
    #[cfg(target_arch = "x86_64")]
    Avx512 = "AVX-512", avx512, is_x86_feature_detected!("avx512f");
    #[cfg(target_arch = "x86_64")]
    ShaNi = "SHA-NI", sha_ni, is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1");
    #[cfg(target_arch = "x86_64")]
    Avx2 = "AVX2", avx2, is_x86_feature_detected!("avx2");
    #[cfg(target_arch = "aarch64")]
    ArmSha2 = "Arm SHA-2", arm_sha2, std::arch::is_aarch64_feature_detected!("sha2");
    #[cfg(target_arch = "aarch64")]
    Neon = "NEON", neon, std::arch::is_aarch64_feature_detected!("neon");
    #[cfg(all(target_arch = "wasm32", feature = "simd128"))]
    Simd128 = "simd128", simd128, true;
    Scalar = "scalar", scalar, true;
}
