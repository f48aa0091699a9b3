//! The Plexus full node.
