use super::*;
use crate::primitives::message::tests::message;

fn arriving(count: usize) -> MessageBatch {
    let message = Arc::new(message(7, "hello", 1));
    let messages = (0..count).map(|_| (message.clone(), MessageId::ZERO)).collect();
    MessageBatch { peer: None, messages }
}

#[test]
fn room_is_taken_on_the_way_and_given_back() {
    let mut gossip = PendingMessages::default();
    assert_eq!(gossip.room(), PENDING_MESSAGES_MAX);
    gossip.begin(BatchId(1), arriving(100));
    gossip.begin(BatchId(2), arriving(PENDING_MESSAGES_MAX - 99));
    assert_eq!(gossip.room(), 0, "never below none");
    assert!(gossip.end(BatchId(3)).is_none());
    assert_eq!(gossip.end(BatchId(2)).unwrap().messages.len(), PENDING_MESSAGES_MAX - 99);
    assert!(gossip.end(BatchId(2)).is_none(), "once");
    assert_eq!(gossip.room(), PENDING_MESSAGES_MAX - 100);
    gossip.end(BatchId(1)).unwrap();
    assert_eq!(gossip.room(), PENDING_MESSAGES_MAX);
}
