//! The Plexus light client for browsers.
