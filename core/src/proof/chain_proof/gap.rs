//! The gaps between opened headers: the fewest nodes of the mountain range that stand over them.

use crate::primitives::mmr::Position;

/// The largest nodes that stand over the headers `from` to `to - 1` and no others, from left to right: at most 126.
pub(super) fn nodes(from: u64, to: u64) -> impl Iterator<Item = Position> {
    let mut at = from;
    core::iter::from_fn(move || {
        let left = to.checked_sub(at).filter(|left| *left > 0)?;
        let level = at.trailing_zeros().min(left.ilog2());
        let position = Position { level, index: at >> level };
        at += 1 << level;
        Some(position)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_meet_without_overlap_and_none_could_be_joined() {
        for from in 0..70u64 {
            for to in from..70 {
                let nodes: Vec<_> = nodes(from, to).collect();
                let mut at = from;
                for node in &nodes {
                    assert_eq!(node.index << node.level, at);
                    at += 1 << node.level;
                }
                assert_eq!(at, to);
                let siblings =
                    |pair: &[Position]| pair[0].level == pair[1].level && pair[0].index ^ 1 == pair[1].index;
                assert!(!nodes.windows(2).any(siblings));
            }
        }
        let widest: Vec<_> = nodes(1, u64::MAX).collect();
        assert_eq!(widest.len(), 126);
    }
}
