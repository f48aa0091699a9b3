//! A proof file whose chain is forged, in a tab.

use plexus_tests::vectors::forged_proof_file;

use crate::page::{BITS, assert_nothing_thrown};
use crate::stage::PageFixture;

#[test]
#[cfg_attr(no_chromium, ignore = "needs Chromium")]
fn a_forged_proof_file_is_refused_in_a_tab() {
    let fixture = PageFixture::start(BITS, &[]);
    let mut tab = fixture.open_live();
    let forged = hex::encode(forged_proof_file());
    tab.evaluate(&format!(
        "(() => {{ const bytes = Uint8Array.from('{forged}'.match(/../g), (digits) => parseInt(digits, 16)); \
         const files = new DataTransfer(); files.items.add(new File([bytes], 'forged.plexus')); \
         const input = document.querySelector('#verify input[type=file]'); input.files = files.files; \
         input.dispatchEvent(new Event('change')); }})()"
    ));
    let said = "document.querySelector('#verify-said')";
    tab.wait("it is said what it shows", 30, &format!("!!{said}.dataset.valid"));
    let text = tab.evaluate(&format!("{said}.textContent"));
    assert_eq!(tab.evaluate(&format!("{said}.dataset.valid")), "false", "{text}");
    assert!(text.as_str().unwrap().contains("path of the block: bits at height 600"), "{text}");
    assert_nothing_thrown(&tab);
}
