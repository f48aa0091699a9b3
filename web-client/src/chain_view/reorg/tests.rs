use super::*;

/// Returns the hash of a branch's block.
fn block(branch: &str, height: u64) -> Hash {
    Hash::of(format!("{branch} {height}").as_bytes())
}

/// Returns the record of a branch whose blocks above `fork` are undone.
fn left(branch: &str, fork: u64, height: u64) -> Undone {
    Undone {
        fork,
        is_exact: true,
        hashes: (fork + 1..=height).rev().map(|height| block(branch, height)).collect(),
        height,
        total_work: Work::from_hashes(height.into()),
    }
}

fn tip(branch: &str, height: u64) -> Tip {
    Tip { height, hash: block(branch, height), total_work: Work::from_hashes(height.into()) }
}

/// Returns a chain that leaves branch a for b above a height.
fn chain(fork: u64, tip: u64) -> impl Fn(u64) -> Option<Hash> {
    move |height| (height <= tip).then(|| block(if height > fork { "b" } else { "a" }, height))
}

const NOW: Timestamp = Timestamp::from_unix_ms(7);

/// Returns the only reorganisation that is kept.
fn only(reorgs: &Reorgs) -> Reorg {
    assert_eq!(reorgs.all.len(), 1);
    reorgs.all[0].clone()
}

#[test]
fn a_chain_that_is_replaced_is_told_with_both_branches() {
    let mut reorgs = Reorgs::default();
    reorgs.undone(left("a", 0, 75));
    let words = reorgs.settle(NOW, tip("b", 164), chain(0, 164)).unwrap();
    assert!(
        words.starts_with("75 blocks were undone, above block 0: another chain, up to block 164,"),
        "{words}"
    );
    let reorg = only(&reorgs);
    assert_eq!((reorg.fork, reorg.blocks, reorg.undone, reorg.holds), (0, 75, tip("a", 75), tip("b", 164)));
    let heights: Vec<_> = reorg.pairs.iter().map(|pair| pair.height).collect();
    assert_eq!(heights, [1, 2, 3, 4, 5, 6, 7, 8, 75, 164]);
    assert_eq!(reorg.pairs[8].undone, block("a", 75));
    assert_eq!(reorg.pairs[8].holds, block("b", 75));
    assert_eq!(reorg.pairs[9].undone, Hash::ZERO);
    assert_eq!(reorgs.settle(NOW, tip("b", 164), chain(0, 164)), None, "it is told once");
    let changed = reorgs.take_changed().remove(0).now.unwrap();
    let json: serde_json::Value = serde_json::from_str(&changed.0).unwrap();
    assert_eq!((&json["blocks"], &json["is_exact"]), (&75.into(), &true.into()));
    assert_eq!(json["hash"], json["undone"]["hash"]);
    assert_eq!(json["holds"]["total_work"], "164");
    assert_eq!(json["pairs"][8]["undone"], block("a", 75).to_string());
    assert!(json["pairs"][9]["undone"].is_null());
    let again =
        Reorgs::load(&[DatabaseEntry { key: format!("{PREFIX}{}", block("a", 75)), value: changed.1 }]);
    assert_eq!(only(&again), reorg);
}

#[test]
fn what_a_node_goes_through_on_its_way_is_one_reorganisation() {
    let mut reorgs = Reorgs::default();
    reorgs.undone(left("a", 10, 20));
    // The branch that took its place shares its lower blocks, and is replaced in turn.
    let mut next = left("a", 4, 10);
    next.hashes.splice(..0, (11..=30).rev().map(|height| block("c", height)));
    next.height = 30;
    reorgs.undone(next);
    reorgs.settle(NOW, tip("b", 40), chain(4, 40)).unwrap();
    let reorg = only(&reorgs);
    assert_eq!((reorg.fork, reorg.blocks, reorg.undone), (4, 16, tip("a", 20)));
    assert_eq!(reorg.pairs[0].undone, block("a", 5));
}

#[test]
fn a_node_that_comes_back_to_its_branch_tells_nothing() {
    let mut reorgs = Reorgs::default();
    reorgs.undone(left("a", 10, 20));
    reorgs.undone(left("c", 10, 30));
    assert_eq!(reorgs.settle(NOW, tip("a", 21), chain(99, 21)), None);
    reorgs.undone(left("a", 20, 21));
    assert_eq!(reorgs.settle(NOW, tip("b", 22), chain(20, 22)), None, "one block: the list tells it");
    assert_eq!(reorgs.all.len(), 0);
}

#[test]
fn a_page_that_closes_before_it_has_caught_up_tells_when_it_opens_again() {
    let mut reorgs = Reorgs::default();
    assert_eq!(reorgs.take_write(), None);
    reorgs.undone(left("a", 0, 75));
    let Some(Write::Put(key, value)) = reorgs.take_write() else { panic!("not kept") };
    let mut again = Reorgs::load(&[DatabaseEntry { key, value }]);
    assert_eq!(again.left, reorgs.left);
    assert_eq!(again.take_write(), None);
    assert!(again.settle(NOW, tip("b", 164), chain(0, 164)).is_some());
    assert_eq!(again.take_write(), Some(Write::drop(LEFT)));
}

#[test]
fn where_the_branches_part_is_not_made_up() {
    let mut reorgs = Reorgs::default();
    let mut undone = left("a", 500, 600);
    (undone.fork, undone.is_exact) = (40, false);
    reorgs.undone(undone);
    let words = reorgs.settle(NOW, tip("b", 3_000), |height| (height > 2_500).then(|| block("b", height)));
    let words = words.unwrap();
    assert!(words.starts_with("At least 100 blocks were undone, from a block above 40 on that"), "{words}");
    let reorg = only(&reorgs);
    assert_eq!((reorg.blocks, reorg.is_exact, reorg.pairs.len()), (100, false, 2));
}

#[test]
fn the_oldest_reorganisation_goes() {
    let mut reorgs = Reorgs::default();
    for number in 1..=REORGS_MAX as u64 + 3 {
        reorgs.undone(left("a", number, number + 10));
        reorgs.settle(Timestamp::from_unix_ms(number), tip("b", number + 11), chain(number, number + 11));
    }
    assert_eq!(reorgs.all.len(), REORGS_MAX);
    assert!(reorgs.all.iter().all(|reorg| reorg.seen_unix_ms > 3));
}
