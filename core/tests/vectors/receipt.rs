//! Proof files in both forms.

use plexus_core::primitives::hash::Hash;
use plexus_core::proof::inclusion_proof::{Form, Receipt, ReceiptError, Verified};
use serde::Deserialize;
use serde_json::Value;

use crate::{Dec, Hex, each};

#[test]
fn receipts() {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, tag = "kind", rename_all = "lowercase")]
    enum Vector {
        Receipt(Box<Whole>),
        Refused { receipt: Hex },
        Form { form: Value },
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Whole {
        receipt: Hex,
        form: Value,
        network_id: Hash,
        id: Hash,
        block: Hash,
        height: Dec<u64>,
        history_root: Hash,
        tip: Hash,
        blocks: Dec<u64>,
        work: Dec<u128>,
        total_work: Dec<u128>,
    }
    each("receipt.json", |v: Vector| match v {
        Vector::Receipt(v) => {
            let receipt = Receipt::decode(&v.receipt.0).unwrap();
            assert_eq!(receipt.encode(), v.receipt.0);
            assert_eq!(serde_json::to_value(Form::new(&receipt)).unwrap(), v.form);
            let form: Form = serde_json::from_value(v.form).unwrap();
            assert_eq!(Receipt::try_from(&form).as_ref(), Ok(&receipt));
            let verified = receipt.verify().unwrap();
            assert_eq!(*receipt.network.id(), v.network_id);
            assert_eq!((verified.id, verified.block, receipt.header.height), (v.id, v.block, v.height.0));
            assert_eq!((verified.history_root, verified.proven.hash), (v.history_root, v.tip));
            let total = verified.proven.total_work().hashes();
            assert_eq!(
                (verified.blocks, verified.work.hashes(), total),
                (v.blocks.0, v.work.0, v.total_work.0)
            );
        }
        Vector::Refused { receipt } => {
            assert!(verdict(&receipt.0).is_err(), "{}", hex::encode(&receipt.0));
        }
        Vector::Form { form } => {
            let read = serde_json::from_value::<Form>(form.clone());
            let verified =
                read.ok().map(|form| Receipt::try_from(&form).and_then(|receipt| receipt.verify()));
            assert!(verified.is_none_or(|verified| verified.is_err()), "{form}");
        }
    });
}

fn verdict(bytes: &[u8]) -> Result<Verified, ReceiptError> {
    Receipt::decode(bytes)?.verify()
}
