//! The worked conversations, played against the whole program: every body, every correlation id, the order of each topic.
//! [cti §9, §11]

mod common;

use common::cti::{By, Step, conversation, expected, play, play_and_ask};
use cordboard::ops::config::cti::Format;

async fn plays_in(file: &str, format: Format) {
    let steps = conversation(file);
    let heard = play(&steps, &By::Commands, |config| config.cti.format = format).await;
    let json = format == Format::Json;
    assert_eq!(heard, expected(&steps, json), "{file}, json: {json}");
}

/// In both formats.
async fn plays(file: &str) {
    plays_in(file, Format::Default).await;
    plays_in(file, Format::Json).await;
}

/// The same with each command done otherwise: the same events, of which none is an answer.
async fn plays_without_commands(file: &str, by: &By) {
    let mut steps = conversation(file);
    for step in &mut steps {
        if let Step::Event { correlation, .. } = step {
            *correlation = "-".to_owned();
        }
    }
    let heard = play(&steps, by, |_| {}).await;
    assert_eq!(heard, expected(&steps, false), "{file}");
}

#[tokio::test]
async fn cc_11_a_login_is_answered_with_info_state_and_dialog() {
    plays("01-login-and-logout.txt").await;
}

#[tokio::test]
async fn cc_22_an_outbound_call_is_told_to_both_sides() {
    plays_in("02-outbound-call.txt", Format::Default).await;
}

#[tokio::test]
async fn cc_23_the_same_is_told_as_json_to_the_byte() {
    plays_in("02-outbound-call.txt", Format::Json).await;
}

#[tokio::test]
async fn cc_24_an_inbound_call_is_answered_held_retrieved_and_ended_by_the_far_end() {
    plays("03-inbound-call.txt").await;
}

#[tokio::test]
async fn cc_25_a_blind_transfer_is_told_when_the_target_rings() {
    plays("04-blind-transfer.txt").await;
}

#[tokio::test]
async fn cc_26_a_consultation_is_transferred() {
    plays("05-consult-then-transfer.txt").await;
}

#[tokio::test]
async fn cc_27_a_consultation_becomes_a_conference_that_one_leaves() {
    plays("06-consult-then-conference.txt").await;
}

#[tokio::test]
async fn cc_28_a_busy_number_fails_and_is_released() {
    plays("07-busy.txt").await;
}

#[tokio::test]
async fn cc_29_nobody_answers() {
    plays("08-no-answer.txt").await;
}

#[tokio::test]
async fn cc_30_an_unallocated_number_fails_and_ends_by_itself() {
    plays("09-unallocated.txt").await;
}

#[tokio::test]
async fn errors_are_answered_to_where_the_client_wants_them() {
    plays("10-errors.txt").await;
}

#[tokio::test]
async fn cc_49_the_network_goes_and_comes_back() {
    plays("11-network-lost-and-back.txt").await;
}

#[tokio::test]
async fn cc_50_a_phone_goes_and_an_agent_is_taken_over() {
    plays("12-phone-unplugged-and-takeover.txt").await;
}

#[tokio::test]
async fn cc_54_a_server_client_hears_of_both_its_agents_in_one_order() {
    plays("13-server-client.txt").await;
}

#[tokio::test]
async fn cc_20_the_state_is_told_in_the_middle_of_a_consultation() {
    plays("14-state-asked-during-a-consultation.txt").await;
}

#[tokio::test]
async fn whoever_does_it_the_events_are_the_same_but_for_correlation_ids() {
    for file in [
        "02-outbound-call.txt",
        "03-inbound-call.txt",
        "04-blind-transfer.txt",
        "05-consult-then-transfer.txt",
        "06-consult-then-conference.txt",
        "07-busy.txt",
        "08-no-answer.txt",
        "09-unallocated.txt",
    ] {
        plays_without_commands(file, &By::Api).await;
    }
    // A phone has no key for a conference.
    for file in [
        "02-outbound-call.txt",
        "03-inbound-call.txt",
        "04-blind-transfer.txt",
        "05-consult-then-transfer.txt",
        "07-busy.txt",
        "08-no-answer.txt",
        "09-unallocated.txt",
    ] {
        plays_without_commands(file, &By::Phone).await;
    }
}

#[tokio::test]
async fn whenever_the_state_is_asked_for_it_is_what_the_events_come_to() {
    for file in [
        "02-outbound-call.txt",
        "03-inbound-call.txt",
        "04-blind-transfer.txt",
        "05-consult-then-transfer.txt",
        "06-consult-then-conference.txt",
        "07-busy.txt",
        "08-no-answer.txt",
        "09-unallocated.txt",
    ] {
        let steps = conversation(file);
        assert_eq!(
            play_and_ask(&steps).await,
            expected(&steps, false),
            "{file}"
        );
    }
}
