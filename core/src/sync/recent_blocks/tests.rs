use super::*;

fn ids(block: u64, count: u64) -> Arc<[MessageId]> {
    (0..count).map(|n| Hash::of(&(1_000 * block + n).to_be_bytes())).collect()
}

fn hash(block: u64) -> Hash {
    Hash::of(&block.to_be_bytes())
}

#[test]
fn keeps_the_newest_blocks_and_drops_the_oldest() {
    let mut recent = RecentBlocks::default();
    for block in 0..BLOCKS_MAX as u64 + 5 {
        recent.put(hash(block), vec![0; 10].into(), &ids(block, 2));
        assert!(recent.blocks.len() <= BLOCKS_MAX);
    }
    assert_eq!(recent.block(&hash(4)), None);
    assert!((5..BLOCKS_MAX as u64 + 5).all(|block| recent.block(&hash(block)).is_some()));
    assert_eq!(recent.bytes, 10 * BLOCKS_MAX);
}

#[test]
fn keeps_no_more_bytes_than_allowed_but_always_the_newest() {
    let mut recent = RecentBlocks::default();
    for block in 0..10 {
        recent.put(hash(block), vec![0; BYTES_MAX / 4].into(), &ids(block, 0));
        assert!(recent.bytes <= BYTES_MAX);
    }
    assert_eq!(recent.blocks.len(), 4);
    recent.put(hash(99), vec![0; BYTES_MAX + 1].into(), &ids(99, 0));
    assert_eq!(recent.blocks.keys().collect::<Vec<_>>(), [&hash(99)]);
}

#[test]
fn a_block_that_is_put_again_is_counted_once() {
    let mut recent = RecentBlocks::default();
    for _ in 0..3 {
        recent.put(hash(1), vec![0; 10].into(), &ids(1, 2));
    }
    for block in 2..BLOCKS_MAX as u64 + 2 {
        recent.put(hash(block), vec![0; 10].into(), &ids(block, 0));
    }
    assert_eq!(recent.bytes, recent.blocks.values().map(Bytes::len).sum::<usize>());
}

#[test]
fn tells_in_which_blocks_a_message_is() {
    let mut recent = RecentBlocks::default();
    let shared = ids(9_999, 1)[0];
    recent.put(hash(1), Bytes::new(), &ids(9_999, 3));
    recent.put(hash(2), Bytes::new(), &Arc::from([shared]));
    let mut both = vec![hash(1), hash(2)];
    both.sort_unstable();
    assert_eq!(recent.blocks_with(&shared).copied().collect::<Vec<_>>(), both);
    assert_eq!(recent.blocks_with(&ids(9_999, 3)[2]).collect::<Vec<_>>(), [&hash(1)]);
    assert_eq!(recent.blocks_with(&hash(0)).count(), 0);
    for block in 3..=ID_BLOCKS_MAX as u64 + 1 {
        recent.put(hash(block), Bytes::new(), &ids(block, 1));
    }
    assert_eq!(recent.blocks_with(&shared).collect::<Vec<_>>(), [&hash(2)], "the first is too old");
    assert_eq!(recent.ids.len(), ID_BLOCKS_MAX);
}
