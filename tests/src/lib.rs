//! Tests of several nodes at once.
