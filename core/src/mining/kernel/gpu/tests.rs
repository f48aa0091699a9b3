use super::*;
use crate::mining::kernel::Kernel;
use crate::mining::kernel::sha256::{next_word, round};
use crate::mining::kernel::tests::{headers, hits};

/// Returns the shader's answer, computed in Rust: nonce after nonce, from the same bytes.
fn model(groups: u32, dispatch: &[u8]) -> [u8; ANSWER_BYTES] {
    assert_eq!(dispatch.len(), DISPATCH_BYTES);
    let words: Vec<_> = dispatch.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
    let (schedule, rest) = words.split_at(PADDED);
    let (sums, rest) = rest.split_at(PADDED);
    let (halves, numbers) = rest.split_at(HALF * ROOTS_MAX);
    let &[roots, limit, low, nonces] = numbers else { panic!("{numbers:?}") };
    let may_hit = |passed: &u32| {
        let nonce = low.checked_add(*passed).expect("no nonce is beyond the low word's last value");
        let mut words = schedule[..WORDS].to_vec();
        words[NONCE_LOW] = nonce;
        while words.len() < 64 {
            words.push(next_word(&words[words.len() - 16..]));
        }
        let roots = halves.as_chunks::<HALF>().0.iter().take(usize::try_from(roots).unwrap());
        let firsts = roots.map(|half| {
            let mut state: [u32; 8] = half[..8].try_into().unwrap();
            state[0] = state[0].wrapping_add(nonce);
            state[4] = state[4].wrapping_add(nonce);
            for index in NONCE_LOW + 1..64 {
                let sum = sums.get(index).filter(|_| index < WORDS).copied();
                state = round(state, sum.unwrap_or_else(|| words[index].wrapping_add(K[index])));
            }
            state[0].wrapping_add(half[8])
        });
        firsts.min().is_some_and(|least| least <= limit)
    };
    answer((0..nonces).find(may_hit).unwrap_or(u32::MAX), groups)
}

fn answer(passed: u32, ended: u32) -> [u8; ANSWER_BYTES] {
    let mut bytes = UNANSWERED;
    bytes[..4].copy_from_slice(&passed.to_le_bytes());
    bytes[4..].copy_from_slice(&ended.to_le_bytes());
    bytes
}

/// Returns all hits of a range, as dispatches of at most `most` nonces find them.
fn found(headers: &Headers, first: u64, nonces: u32, most: u32) -> Vec<Hit> {
    let (mut hits, mut next, mut left) = (Vec::new(), first, nonces);
    while left > 0 {
        let dispatch = Dispatch::new(next, left.min(most));
        let settled = dispatch.settle(headers, &model(dispatch.groups(), &dispatch.encode(headers))).unwrap();
        assert!((1..=dispatch.nonces()).contains(&settled.nonces));
        next = next.wrapping_add(settled.nonces.into());
        left -= settled.nonces;
        hits.extend(settled.hit);
    }
    hits
}

#[test]
fn dispatches_find_what_the_portable_kernel_finds() {
    let mut all = 0;
    for (seed, first) in [(1, 5), (2, (3 << 32) - 700), (3, u64::MAX - 300), (4, u64::from(u32::MAX))] {
        for roots in 1..=ROOTS_MAX {
            let headers = headers(seed, roots, 1 << 23);
            let expected = hits(Kernel::PORTABLE, &headers, first, 1_500);
            assert_eq!(found(&headers, first, 1_500, 400), expected);
            all += expected.len();
        }
    }
    assert!(all > 50, "{all}");
}

#[test]
fn a_nonce_that_is_said_to_be_a_hit_and_is_none_is_passed_over() {
    let headers = headers(5, 2, 1 << 26);
    let hit = hits(Kernel::PORTABLE, &headers, 0, 1_000)[0];
    let dispatch = Dispatch::new(0, 1_000);
    let (before, groups) = (u32::try_from(hit.nonce).unwrap() - 1, dispatch.groups());
    assert_eq!(
        dispatch.settle(&headers, &answer(before, groups)),
        Ok(Settled { nonces: before + 1, hit: None })
    );
    assert_eq!(
        dispatch.settle(&headers, &answer(before + 1, groups)),
        Ok(Settled { nonces: before + 2, hit: Some(hit) })
    );
}

#[test]
fn a_dispatch_ends_where_the_nonces_high_word_changes() {
    for (first, nonces, expected) in [
        (0, 7, 7),
        (0, u32::MAX, NONCES_MAX),
        (u64::from(u32::MAX), 100, 1),
        (u64::MAX - 9, 100, 10),
        (1 << 40, 0, 0),
    ] {
        assert_eq!(Dispatch::new(first, nonces).nonces(), expected);
    }
}

#[test]
fn answers_that_no_working_device_gives_are_refused() {
    let (headers, dispatch) = (headers(6, 2, 0), Dispatch::new(9, 100));
    let settle = |answer: &[u8]| dispatch.settle(&headers, answer);
    let groups = 2;
    assert_eq!(settle(&answer(u32::MAX, groups)), Ok(Settled { nonces: 100, hit: None }));
    assert_eq!(settle(&answer(99, groups)), Ok(Settled { nonces: 100, hit: None }));
    assert_eq!(settle(&UNANSWERED), Err(AnswerError::Unfinished { groups, ended: 0 }));
    assert_eq!(settle(&answer(3, 1)), Err(AnswerError::Unfinished { groups, ended: 1 }));
    assert_eq!(settle(&answer(100, groups)), Err(AnswerError::Beyond { nonces: 100, passed: 100 }));
    assert_eq!(settle(&UNANSWERED[1..]), Err(AnswerError::Length { found: 7 }));
}

#[test]
fn a_dispatch_has_an_invocation_for_each_nonce_up_to_a_bound() {
    for (nonces, groups) in
        [(0, 0), (1, 1), (64, 1), (65, 2), (1 << 18, GROUPS_MAX), (NONCES_MAX, GROUPS_MAX)]
    {
        assert_eq!(Dispatch::new(0, nonces).groups(), groups);
    }
}

#[test]
fn dispatches_settle_at_their_length() {
    assert_eq!(paced(1 << 20, DISPATCH_US), 1 << 20);
    assert_eq!(paced(1 << 20, 2 * DISPATCH_US), 1 << 19);
    assert_eq!(paced(1 << 20, 0), 1 << 21);
    assert_eq!(paced(NONCES_MIN, u64::MAX), NONCES_MIN);
    assert_eq!(paced(NONCES_MAX, 1), NONCES_MAX);
}

#[test]
fn the_shader_has_the_constants_and_sizes_that_it_is_used_with() {
    let (_, table) = SHADER.split_once("const K = array<u32, 64>(").unwrap();
    let (table, _) = table.split_once(')').unwrap();
    let hex = |text: &str| u32::from_str_radix(text.trim().strip_prefix("0x")?, 16).ok();
    let constants: Vec<_> = table.split(',').filter_map(hex).collect();
    assert_eq!(constants, K);
    for part in [
        format!("words: array<vec4<u32>, {}>", PADDED / 4),
        format!("sums: array<vec4<u32>, {}>", PADDED / 4),
        format!("halves: array<Half, {ROOTS_MAX}>"),
        format!("@workgroup_size({GROUP})\nfn {ENTRY}("),
        format!("+= {GROUP} * groups.x"),
    ] {
        assert!(SHADER.contains(&part), "{part}");
    }
}
