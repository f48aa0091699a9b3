use super::*;
use crate::primitives::message::tests::message;

fn batch(count: usize) -> MessageBatch {
    let message = Arc::new(message(7, "hello", 1));
    let messages = (0..count).map(|_| (message.clone(), MessageId::ZERO)).collect();
    MessageBatch { peer: None, messages }
}

#[test]
fn room_is_taken_on_the_way_and_given_back() {
    let mut pending = PendingMessages::default();
    assert_eq!(pending.room(), PENDING_MESSAGES_MAX);
    pending.begin(BatchId(1), batch(100));
    pending.begin(BatchId(2), batch(PENDING_MESSAGES_MAX - 99));
    assert_eq!(pending.room(), 0, "never below none");
    assert!(pending.end(BatchId(3)).is_none());
    assert_eq!(pending.end(BatchId(2)).unwrap().messages.len(), PENDING_MESSAGES_MAX - 99);
    assert!(pending.end(BatchId(2)).is_none(), "once");
    assert_eq!(pending.room(), PENDING_MESSAGES_MAX - 100);
    pending.end(BatchId(1)).unwrap();
    assert_eq!(pending.room(), PENDING_MESSAGES_MAX);
}
