//! Each kind of fault has a scenario that ends in it.

use plexus_core::protocol::misbehavior::Misbehavior;

/// The scenarios, file by file.
const STORIES: [(&str, &str); 9] = [
    ("certificates", include_str!("certificates.rs")),
    ("fuzz", include_str!("fuzz.rs")),
    ("handshake", include_str!("handshake.rs")),
    ("headers", include_str!("headers.rs")),
    ("light", include_str!("light.rs")),
    ("message", include_str!("message.rs")),
    ("offences", include_str!("offences.rs")),
    ("rules", include_str!("rules.rs")),
    ("stamps", include_str!("stamps.rs")),
];

/// Names the scenario that ends in each variant. For a new variant the compiler demands one.
macro_rules! told {
    ($($variant:ident => $file:literal $story:literal,)*) => {
        #[expect(dead_code, reason = "it is there to be exhaustive")]
        fn told(fault: &Misbehavior) {
            match fault {
                $(Misbehavior::$variant { .. } => {})*
            }
        }

        const TOLD: &[(&str, &str, &str)] = &[$((stringify!($variant), $file, $story),)*];
    };
}

told! {
    UnknownPacket => "fuzz" "an_oversized_packet_of_each_kind_is_a_fault",
    PacketTooLarge => "fuzz" "an_oversized_packet_of_each_kind_is_a_fault",
    Malformed => "fuzz" "every_packet_cut_short_at_every_length_is_a_fault",
    Version => "handshake" "refuses_a_peer_of_another_version",
    Network => "handshake" "refuses_a_peer_of_another_network",
    KeyNotProven => "handshake" "refuses_a_forged_answer",
    BeforeHandshake => "handshake" "any_packet_before_the_handshake_is_a_fault",
    DuplicateHandshake => "handshake" "a_second_hello_is_a_fault",
    HandshakeTimeout => "handshake" "gives_up_on_a_handshake_that_does_not_come",
    PingTimeout => "offences" "a_peer_that_does_not_answer_pings_is_closed",
    UnsolicitedPong => "offences" "answers_that_nobody_asked_for_are_faults",
    RequestTimeout => "offences" "a_peer_that_stalls_on_headers_is_given_up_and_another_serves",
    Unsolicited => "offences" "answers_that_nobody_asked_for_are_faults",
    RepeatedRequest => "stamps" "a_request_for_the_same_again_is_a_fault",
    Disconnected => "headers" "headers_that_do_not_follow_one_another_are_a_fault",
    InvalidHeader => "headers" "a_bad_header_that_is_announced_is_named_and_not_passed_on",
    InvalidBlock => "rules" "a_chain_with_a_bad_block_is_named_and_the_honest_one_goes_on",
    InvalidProof => "light" "a_proof_that_proves_nothing_is_a_fault_and_another_peer_is_asked",
    InvalidMessage => "message" "a_message_that_its_sender_did_not_sign_is_refused",
    StampTooLow => "stamps" "a_message_below_the_least_stamp_is_an_offence",
    InvalidLink => "certificates" "an_unsigned_certificate_is_a_fault_and_those_beside_it_count",
    WorkNotShown => "offences" "a_peer_that_does_not_show_the_work_it_claims_is_given_up",
}

#[test]
fn every_fault_has_its_scenario() {
    for (fault, file, story) in TOLD {
        let (_, text) = STORIES.iter().find(|(name, _)| name == file).expect("a file of scenarios");
        let body = text.split(&format!("fn {story}(")).nth(1);
        let body = body.unwrap_or_else(|| panic!("{fault}: there is no scenario {story} in {file}"));
        let body = body.split("\n}\n").next().unwrap_or_default();
        assert!(body.contains(&format!("Misbehavior::{fault}")), "{fault}: {story} does not speak of it");
    }
}
