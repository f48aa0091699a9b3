// The search on a graphics processor: the same as `lanes.rs`, with one invocation per lane.
//
// `gpu.rs` fills the lead and reads the answer. Rounds and schedule are written out, so that every
// word has a register of its own. A variable index would move them all to memory.

// One first half: the state after the rounds that are done before the search, and the first word of the midstate.
struct Half {
    abcd: vec4<u32>,
    efgh: vec4<u32>,
    first: vec4<u32>,
}

struct Lead {
    // The words of the second half's schedule that the nonce's low word does not reach. It counts as 0.
    words: array<vec4<u32>, 6>,
    // Each of these words plus its round's constant.
    sums: array<vec4<u32>, 6>,
    halves: array<Half, 8>,
    roots: u32,
    // The first word of the target.
    limit: u32,
    // The nonce's low word where the dispatch begins, and the number of its nonces. All of them lie
    // within the range of the low word.
    low: u32,
    nonces: u32,
}

struct Answer {
    // The number of nonces that pass before the first that may be a hit.
    passed: atomic<u32>,
    // The number of workgroups that finished.
    ended: atomic<u32>,
}

@group(0) @binding(0) var<uniform> lead: Lead;
@group(0) @binding(1) var<storage, read_write> answer: Answer;

// The constants of the 64 rounds (FIPS 180-4, section 4.2.2).
const K = array<u32, 64>(
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
);

struct State {
    abcd: vec4<u32>,
    efgh: vec4<u32>,
}

// Returns x rotated to the right.
fn rotate(x: u32, bits: u32) -> u32 {
    return (x >> bits) | (x << (32 - bits));
}

fn rounded(state: State, sum: u32) -> State {
    let s = state.abcd;
    let t = state.efgh;
    let choice = t.z ^ (t.x & (t.y ^ t.z));
    let majority = s.y ^ ((s.x ^ s.y) & (s.y ^ s.z));
    let first = t.w + sum + (rotate(t.x, 6) ^ rotate(t.x, 11) ^ rotate(t.x, 25)) + choice;
    let second = (rotate(s.x, 2) ^ rotate(s.x, 13) ^ rotate(s.x, 22)) + majority;
    return State(vec4<u32>(first + second, s.xyz), vec4<u32>(s.w + first, t.xyz));
}

// Returns the word of the schedule that has these words 16, 15, 7 and 2 places before it.
fn next(sixteenth: u32, fifteenth: u32, seventh: u32, second: u32) -> u32 {
    let sigma0 = rotate(fifteenth, 7) ^ rotate(fifteenth, 18) ^ (fifteenth >> 3);
    let sigma1 = rotate(second, 17) ^ rotate(second, 19) ^ (second >> 10);
    return sixteenth + sigma0 + seventh + sigma1;
}

// Returns true if the hash of any root with this low word of the nonce may meet the target.
fn may_hit(nonce: u32) -> bool {
    let w22 = next(lead.words[1].z, nonce, lead.words[3].w, lead.words[5].x);
    let w23 = next(nonce, lead.words[2].x, lead.words[4].x, lead.words[5].y);
    let w24 = next(lead.words[2].x, lead.words[2].y, lead.words[4].y, w22);
    let w25 = next(lead.words[2].y, lead.words[2].z, lead.words[4].z, w23);
    let w26 = next(lead.words[2].z, lead.words[2].w, lead.words[4].w, w24);
    let w27 = next(lead.words[2].w, lead.words[3].x, lead.words[5].x, w25);
    let w28 = next(lead.words[3].x, lead.words[3].y, lead.words[5].y, w26);
    let w29 = next(lead.words[3].y, lead.words[3].z, w22, w27);
    let w30 = next(lead.words[3].z, lead.words[3].w, w23, w28);
    let w31 = next(lead.words[3].w, lead.words[4].x, w24, w29);
    let w32 = next(lead.words[4].x, lead.words[4].y, w25, w30);
    let w33 = next(lead.words[4].y, lead.words[4].z, w26, w31);
    let w34 = next(lead.words[4].z, lead.words[4].w, w27, w32);
    let w35 = next(lead.words[4].w, lead.words[5].x, w28, w33);
    let w36 = next(lead.words[5].x, lead.words[5].y, w29, w34);
    let w37 = next(lead.words[5].y, w22, w30, w35);
    let w38 = next(w22, w23, w31, w36);
    let w39 = next(w23, w24, w32, w37);
    let w40 = next(w24, w25, w33, w38);
    let w41 = next(w25, w26, w34, w39);
    let w42 = next(w26, w27, w35, w40);
    let w43 = next(w27, w28, w36, w41);
    let w44 = next(w28, w29, w37, w42);
    let w45 = next(w29, w30, w38, w43);
    let w46 = next(w30, w31, w39, w44);
    let w47 = next(w31, w32, w40, w45);
    let w48 = next(w32, w33, w41, w46);
    let w49 = next(w33, w34, w42, w47);
    let w50 = next(w34, w35, w43, w48);
    let w51 = next(w35, w36, w44, w49);
    let w52 = next(w36, w37, w45, w50);
    let w53 = next(w37, w38, w46, w51);
    let w54 = next(w38, w39, w47, w52);
    let w55 = next(w39, w40, w48, w53);
    let w56 = next(w40, w41, w49, w54);
    let w57 = next(w41, w42, w50, w55);
    let w58 = next(w42, w43, w51, w56);
    let w59 = next(w43, w44, w52, w57);
    let w60 = next(w44, w45, w53, w58);
    let w61 = next(w45, w46, w54, w59);
    let w62 = next(w46, w47, w55, w60);
    let w63 = next(w47, w48, w56, w61);
    var least = 0xffffffffu;
    for (var root = 0u; root < lead.roots; root++) {
        let half = lead.halves[root];
        // A round adds its word only to these two.
        var s = State(half.abcd + vec4<u32>(nonce, 0, 0, 0), half.efgh + vec4<u32>(nonce, 0, 0, 0));
        s = rounded(s, lead.sums[2].x);
        s = rounded(s, lead.sums[2].y);
        s = rounded(s, lead.sums[2].z);
        s = rounded(s, lead.sums[2].w);
        s = rounded(s, lead.sums[3].x);
        s = rounded(s, lead.sums[3].y);
        s = rounded(s, lead.sums[3].z);
        s = rounded(s, lead.sums[3].w);
        s = rounded(s, lead.sums[4].x);
        s = rounded(s, lead.sums[4].y);
        s = rounded(s, lead.sums[4].z);
        s = rounded(s, lead.sums[4].w);
        s = rounded(s, lead.sums[5].x);
        s = rounded(s, lead.sums[5].y);
        s = rounded(s, w22 + K[22]);
        s = rounded(s, w23 + K[23]);
        s = rounded(s, w24 + K[24]);
        s = rounded(s, w25 + K[25]);
        s = rounded(s, w26 + K[26]);
        s = rounded(s, w27 + K[27]);
        s = rounded(s, w28 + K[28]);
        s = rounded(s, w29 + K[29]);
        s = rounded(s, w30 + K[30]);
        s = rounded(s, w31 + K[31]);
        s = rounded(s, w32 + K[32]);
        s = rounded(s, w33 + K[33]);
        s = rounded(s, w34 + K[34]);
        s = rounded(s, w35 + K[35]);
        s = rounded(s, w36 + K[36]);
        s = rounded(s, w37 + K[37]);
        s = rounded(s, w38 + K[38]);
        s = rounded(s, w39 + K[39]);
        s = rounded(s, w40 + K[40]);
        s = rounded(s, w41 + K[41]);
        s = rounded(s, w42 + K[42]);
        s = rounded(s, w43 + K[43]);
        s = rounded(s, w44 + K[44]);
        s = rounded(s, w45 + K[45]);
        s = rounded(s, w46 + K[46]);
        s = rounded(s, w47 + K[47]);
        s = rounded(s, w48 + K[48]);
        s = rounded(s, w49 + K[49]);
        s = rounded(s, w50 + K[50]);
        s = rounded(s, w51 + K[51]);
        s = rounded(s, w52 + K[52]);
        s = rounded(s, w53 + K[53]);
        s = rounded(s, w54 + K[54]);
        s = rounded(s, w55 + K[55]);
        s = rounded(s, w56 + K[56]);
        s = rounded(s, w57 + K[57]);
        s = rounded(s, w58 + K[58]);
        s = rounded(s, w59 + K[59]);
        s = rounded(s, w60 + K[60]);
        s = rounded(s, w61 + K[61]);
        s = rounded(s, w62 + K[62]);
        s = rounded(s, w63 + K[63]);
        least = min(least, s.abcd.x + half.first.x);
    }
    return least <= lead.limit;
}

@compute @workgroup_size(64)
fn search(
    @builtin(global_invocation_id) invocation: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    // Low nonces come first. Nonces after one that may be a hit need not be tried.
    for (var passed = invocation.x; passed < lead.nonces; passed += 64 * groups.x) {
        if passed > atomicLoad(&answer.passed) {
            break;
        }
        if may_hit(lead.low + passed) {
            atomicMin(&answer.passed, passed);
            break;
        }
    }
    if local == 0 {
        atomicAdd(&answer.ended, 1u);
    }
}
