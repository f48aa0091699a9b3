//! The API, asked over HTTP.

use std::io::{BufRead, BufReader};

use plexus_core::ledger::json;
use plexus_core::node::event::Event;
use plexus_core::primitives::block::Block;
use plexus_core::primitives::key::SecretKey;
use plexus_core::primitives::least_stamp::least_stamp_work;
use plexus_core::primitives::message::Draft;
use plexus_core::primitives::stamp::stamp_work;
use plexus_core::proof::inclusion_proof::{Form, Receipt};
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::client::{delete, get, get_with, post};

const BINARY: &str = "application/octet-stream";
const JSON: &str = "application/json";

#[tokio::test]
async fn a_status_names_the_node_its_network_and_its_tip() {
    let bench = Bench::start().await;
    bench.mine(3).await;
    let status = get(bench.url("/api/v1/status")).await.json();
    let height = bench.height().await;
    let tip = get(bench.url(&format!("/api/v1/blocks/{height}"))).await.json();
    assert_eq!(status["network"], "dev");
    assert_eq!(status["network_id"], json!(bench.network.id()));
    assert_eq!(status["height"], height);
    assert_eq!(status["tip"], tip["hash"]);
    assert_eq!(status["total_work"], tip["total_work"]);
    assert_eq!((&status["peers"], &status["pool"]), (&json!(0), &json!(0)));
    assert_eq!((&status["syncing"], &status["mining"]), (&json!(false), &json!(false)));
    assert!(status["version"].is_string() && status["difficulty"].is_string());
    assert_eq!(get(bench.url("/health")).await.json()["status"], "ok");
    assert_eq!(get(bench.url("/api/v1/peers")).await.json(), json!([]));
    let network: plexus_core::primitives::params::Parameters =
        serde_json::from_value(get(bench.url("/api/v1/network")).await.json()).unwrap();
    assert_eq!(&network, bench.network.parameters());
}

#[tokio::test]
async fn blocks_are_listed_rising_and_found_by_height_and_hash() {
    let bench = Bench::start().await;
    bench.mine(5).await;
    let all: Vec<json::BlockView> =
        serde_json::from_value(get(bench.url("/api/v1/blocks?from=0&limit=200")).await.json()).unwrap();
    assert_eq!(all[0].hash, *bench.network.id());
    for (parent, block) in all.iter().zip(&all[1..]) {
        assert_eq!((block.prev_hash, block.number_of_block), (parent.hash, parent.number_of_block + 1));
        assert_eq!(block.author, bench.author.public());
    }
    let newest: Vec<json::BlockView> =
        serde_json::from_value(get(bench.url("/api/v1/blocks?limit=2")).await.json()).unwrap();
    assert_eq!(newest, all[all.len() - 2..]);
    let by_hash = get(bench.url(&format!("/api/v1/blocks/{}", all[2].hash))).await;
    assert!(by_hash.header("cache-control").contains("immutable"));
    let by_height = get(bench.url("/api/v1/blocks/2")).await;
    assert_eq!(by_height.header("cache-control"), "no-cache");
    assert_eq!(by_hash.json(), by_height.json());
    assert_eq!(get(bench.url("/api/v1/blocks?from=1000000")).await.json(), json!([]));
}

#[tokio::test]
async fn a_message_is_followed_from_its_submission_into_a_block() {
    let bench = Bench::start().await;
    let first = bench.message("first");
    let id = first.id(bench.network.id()).to_string();
    let missing = get(bench.url(&format!("/api/v1/messages/{id}"))).await;
    assert_eq!((missing.status, missing.code().as_str()), (404, "not_found"));

    let taken = post(bench.url("/api/v1/messages"), BINARY, first.encode()).await;
    assert_eq!(taken.status, 201);
    assert_eq!(taken.json(), json!({ "id": id }));
    let waiting = get(bench.url(&format!("/api/v1/messages/{id}"))).await.json();
    assert_eq!((&waiting["pending"], &waiting["number_of_block"]), (&json!(true), &Value::Null));
    assert_eq!(get(bench.url("/api/v1/messages")).await.json()[0]["id"], id.as_str());

    let known = post(bench.url("/api/v1/messages"), BINARY, first.encode()).await;
    assert_eq!((known.status, known.code().as_str()), (409, "known"));

    let second = bench.message("second");
    let submission = json!({
        "sender": second.sender(), "recipient": "bob", "text": "second", "stamp": second.stamp().to_string(),
        "time_unix_ms": second.time().unix_ms(), "signature": second.signature(),
    });
    let taken = post(bench.url("/api/v1/messages"), JSON, submission.to_string()).await;
    assert_eq!(taken.json()["id"], second.id(bench.network.id()).to_string());

    bench.mine(3).await;
    let placed = get(bench.url(&format!("/api/v1/messages/{id}"))).await.json();
    assert_eq!(placed["pending"], false);
    assert_eq!(placed["message"], format!("From {} to bob, first", bench.author.public()));
    let block = get(bench.url(&format!("/api/v1/blocks/{}", placed["number_of_block"]))).await.json();
    assert_eq!(block["hash"], placed["block"]);
    assert!(block["messages"].as_array().unwrap().iter().any(|message| message["id"] == id.as_str()));
    let work = |value: &Value| value.as_str().unwrap().parse::<u128>().unwrap();
    let status = get(bench.url("/api/v1/status")).await.json();
    let below = work(&block["total_work"]) - work(&block["proof_of_work"]);
    assert_eq!(work(&placed["work_above"]), work(&status["total_work"]) - below);
}

#[tokio::test]
async fn what_a_key_signed_and_what_is_written_to_it_is_found_block_by_block() {
    let bench = Bench::start().await;
    let author = bench.author.public();
    let reader = SecretKey::from_bytes(&[8; 32]).unwrap();
    let draft =
        Draft::new(reader.public(), author.to_string(), "to the author", plexus_node::clock::time()).unwrap();
    let answer = draft.sign_stamped(&reader, &bench.network);
    for message in [bench.message("by the author"), answer] {
        assert_eq!(post(bench.url("/api/v1/messages"), BINARY, message.encode()).await.status, 201);
    }
    bench.mine(4).await;
    let found = get(bench.url(&format!("/api/v1/keys/{author}"))).await.json();
    let tip = found["to"].as_u64().unwrap();
    assert!(found["from"] == 1 && tip >= 4, "{found}");
    let mut texts: Vec<_> = found["messages"].as_array().unwrap().iter().map(|one| &one["text"]).collect();
    texts.sort_by_key(|text| text.to_string());
    assert_eq!(texts, ["by the author", "to the author"]);
    let placed = &found["messages"][0];
    let id = placed["id"].as_str().unwrap();
    assert_eq!(get(bench.url(&format!("/api/v1/messages/{id}"))).await.json(), *placed);
    let heights: Vec<_> =
        found["blocks"].as_array().unwrap().iter().map(|block| &block["number_of_block"]).collect();
    assert_eq!(heights, (1..=tip).rev().collect::<Vec<_>>());

    let below = get(bench.url(&format!("/api/v1/keys/{author}?to=2"))).await.json();
    assert_eq!((&below["from"], &below["to"]), (&json!(1), &json!(2)));
    assert_eq!(below["blocks"].as_array().unwrap().len(), 2);
    let others = get(bench.url(&format!("/api/v1/keys/{}", reader.public()))).await.json();
    assert_eq!((others["messages"].as_array().unwrap().len(), &others["blocks"]), (1, &json!([])));
    for wrong in ["keys/12", "keys/xyz", &format!("keys/{author}?to=-1"), &format!("keys/{author}?up=1")] {
        assert_eq!(get(bench.url(&format!("/api/v1/{wrong}"))).await.code(), "bad_request", "{wrong}");
    }
}

#[tokio::test]
async fn messages_to_a_name_are_found_and_those_that_wait_come_first() {
    let bench = Bench::start().await;
    let reader = SecretKey::from_bytes(&[8; 32]).unwrap().public();
    let path = format!("/api/v1/keys/{reader}?recipient=bob");
    assert_eq!(post(bench.url("/api/v1/messages"), BINARY, bench.message("one").encode()).await.status, 201);
    let waiting = get(bench.url(&path)).await.json();
    assert_eq!((&waiting["pool_searched"], &waiting["pending"][0]["text"]), (&json!(1), &json!("one")));
    assert_eq!(waiting["messages"], json!([]));
    let nobody = get(bench.url(&format!("/api/v1/keys/{reader}?recipient=bo%20b"))).await.json();
    assert_eq!((&nobody["pool_searched"], &nobody["pending"]), (&json!(1), &json!([])));
    bench.mine(2).await;
    let placed = get(bench.url(&path)).await.json();
    assert_eq!((&placed["messages"][0]["text"], &placed["pending"]), (&json!("one"), &json!([])));
    assert_eq!(get(bench.url(&format!("/api/v1/keys/{reader}"))).await.json()["messages"], json!([]));
    let long = format!("{path}{}", "b".repeat(126));
    let refused = get(bench.url(&long)).await.text();
    assert!(refused.contains("bad_request") && refused.contains("128 bytes"), "{refused}");
}

#[tokio::test]
async fn a_message_is_proven_in_bytes_and_in_json_once_it_is_in_a_block() {
    let bench = Bench::start().await;
    let message = bench.message("proven");
    let id = message.id(bench.network.id());
    let url = bench.url(&format!("/api/v1/messages/{id}/proof"));
    let missing = get(url.clone()).await;
    assert_eq!((missing.status, missing.code().as_str()), (404, "not_found"));
    assert_eq!(post(bench.url("/api/v1/messages"), BINARY, message.encode()).await.status, 201);
    let waiting = get(url.clone()).await;
    assert_eq!((waiting.status, waiting.code().as_str()), (409, "pending"));
    let malformed = get(bench.url("/api/v1/messages/12/proof")).await;
    assert_eq!((malformed.status, malformed.code().as_str()), (400, "bad_request"));

    bench.mine(5).await;
    let file = get_with(url.clone(), "accept", "text/html, application/octet-stream;q=0.5").await;
    assert_eq!((file.status, file.header("content-type")), (200, BINARY));
    let name = format!("attachment; filename=\"{}.plexus\"", &id.to_string()[..16]);
    assert_eq!((file.header("content-disposition"), file.header("vary")), (name.as_str(), "accept"));
    let bytes = file.bytes();
    let receipt = Receipt::decode(&bytes).unwrap();
    let verified = receipt.verify().unwrap();
    let status = get(bench.url("/api/v1/status")).await.json();
    assert_eq!((verified.id, &receipt.message), (id, &message));
    assert_eq!(json!(verified.proven.hash), status["tip"]);
    let place = get(bench.url(&format!("/api/v1/messages/{id}"))).await.json();
    let work = verified.work.to_string();
    assert_eq!((&place["block"], &place["work_above"]), (&json!(verified.block), &json!(work)));

    for accepted in ["*/*", "application/json"] {
        let form = get_with(url.clone(), "accept", accepted).await;
        assert!(form.header("content-type").starts_with(JSON));
        let form: Form = serde_json::from_value(form.json()).unwrap();
        assert_eq!(Receipt::try_from(&form).as_ref(), Ok(&receipt));
    }
    // A later tip has another chain proof.
    bench.mine(bench.height().await + 2).await;
    let later = get_with(url, "accept", BINARY).await.bytes();
    assert!(Receipt::decode(&later).unwrap().verify().unwrap().blocks > verified.blocks);
}

#[tokio::test]
async fn every_refusal_has_a_code_a_message_and_its_status() {
    let bench = Bench::start().await;
    let long = vec![b' '; 100_000];
    let mut forged = bench.message("forged").encode();
    *forged.last_mut().unwrap() ^= 1;
    let old =
        Draft::new(bench.author.public(), "", "old", plexus_core::primitives::time::Timestamp::default())
            .unwrap();
    let old = old.sign(&bench.author, bench.network.id(), 0).encode();
    let honest = bench.message("cheap");
    let least = least_stamp_work(&bench.network, honest.size());
    let id = honest.id(bench.network.id());
    let stamp = (0_u64..).find(|stamp| stamp_work(&id, *stamp) < least).unwrap();
    let mut cheap = honest.encode();
    let at = cheap.len() - 72;
    cheap[at..at + 8].copy_from_slice(&stamp.to_be_bytes());
    let key = bench.author.public().to_string();
    let endless =
        json!({ "sender": key, "text": "x".repeat(5_000), "time_unix_ms": 0, "signature": "00".repeat(64) });
    for (status, code, media_type, body) in [
        (400, "bad_json", JSON, b"{".to_vec()),
        (400, "bad_json", JSON, b"{\"sender\": 1}".to_vec()),
        (400, "bad_encoding", BINARY, b"short".to_vec()),
        (413, "too_large", JSON, long),
        (415, "unsupported_media_type", "text/plain", b"hello".to_vec()),
        (422, "bad_message", JSON, endless.to_string().into_bytes()),
        (422, "bad_signature", BINARY, forged),
        (422, "bad_time", BINARY, old),
        (422, "stamp_too_low", BINARY, cheap),
    ] {
        let answer = post(bench.url("/api/v1/messages"), media_type, body).await;
        let found = answer.status;
        let error = answer.json()["error"].take();
        assert_eq!((found, &error["code"]), (status, &json!(code)));
        let asked = &error["least_stamp_work"];
        let expected = if code == "stamp_too_low" { json!(least.to_string()) } else { Value::Null };
        assert_eq!(*asked, expected, "{code}");
    }
    for (status, code, path) in [
        (404, "not_found", "/api/v1/nothing"),
        (404, "not_found", "/no/page"),
        (404, "not_found", "/api/v1/blocks/999999"),
        (400, "bad_request", "/api/v1/blocks/zz"),
        (400, "bad_request", "/api/v1/blocks/-1"),
        (400, "bad_request", "/api/v1/blocks?limit=many"),
        (400, "bad_request", "/api/v1/blocks?colour=red"),
        (400, "bad_request", "/api/v1/messages?from=1"),
        (400, "bad_request", "/api/v1/messages/12"),
        (400, "bad_request", "/api/v1/blocks/%ff"),
    ] {
        let answer = get(bench.url(path)).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{path}");
    }
    let answer = delete(bench.url("/api/v1/status")).await;
    assert_eq!((answer.status, answer.code().as_str()), (405, "method_not_allowed"));
}

#[tokio::test]
async fn an_export_is_the_whole_chain_in_hex() {
    let bench = Bench::start().await;
    bench.mine(4).await;
    let export = get(bench.url("/api/v1/export")).await.text();
    let mut lines = export.lines();
    assert_eq!(lines.next().unwrap(), serde_json::to_string(bench.network.parameters()).unwrap());
    let blocks: Vec<_> = lines.map(|line| Block::decode(&hex::decode(line).unwrap()).unwrap()).collect();
    assert_eq!(blocks.len() as u64, bench.height().await + 1);
    assert_eq!(blocks[0], bench.network.genesis_block());
    assert!(blocks.windows(2).all(|pair| pair[1].header.prev_hash == pair[0].header.hash()));
}

#[tokio::test]
async fn events_tell_of_messages_and_blocks_as_they_come() {
    let bench = Bench::start().await;
    let url = bench.url("/api/v1/events");
    let (sender, mut opened) = tokio::sync::mpsc::unbounded_channel();
    let reader = tokio::task::spawn_blocking(move || {
        let response = ureq::get(url).call().unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut seen = Vec::new();
        for line in BufReader::new(response.into_body().into_reader()).lines() {
            let line = line.unwrap();
            if line.starts_with(':') {
                sender.send(()).unwrap();
            }
            if let Some(name) = line.strip_prefix("event: ") {
                seen.push(name.to_owned());
            }
            if let Some(data) = line.strip_prefix("data: ") {
                let data: Value = serde_json::from_str(data).unwrap();
                assert!(data.is_object());
                if seen.last().is_some_and(|name| name == "block") && data["number_of_block"] == 2 {
                    return seen;
                }
            }
        }
        panic!("the stream ended");
    });
    opened.recv().await.unwrap();
    let mut events = bench.node.handle().events();
    bench.node.handle().submit(bench.message("hello")).await.unwrap();
    while !matches!(*events.recv().await.unwrap(), Event::Pooled(_)) {}
    bench.mine(2).await;
    let seen = tokio::time::timeout(crate::bench::PATIENCE, reader).await.unwrap().unwrap();
    assert_eq!(seen.first().map(String::as_str), Some("message"), "{seen:?}");
    assert_eq!(seen.iter().filter(|name| *name == "block").count(), 2, "{seen:?}");
}

#[tokio::test]
async fn the_api_is_open_to_pages_elsewhere_and_the_page_is_fenced() {
    let bench = Bench::start().await;
    let answer = get_with(bench.url("/api/v1/status"), "origin", "https://example.org").await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    let page = get(bench.url("/")).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert!(page.header("content-security-policy").contains("script-src 'self' 'wasm-unsafe-eval'"));
    let packed = get_with(bench.url("/api/v1/openapi.json"), "accept-encoding", "gzip").await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    let metrics = get(bench.url("/metrics")).await;
    assert!(metrics.header("content-type").starts_with("text/plain; version=0.0.4"));
    assert!(metrics.text().contains("\nplexus_height 0.0\n"));
}

#[tokio::test]
async fn a_node_that_stops_ends_its_streams() {
    let bench = Bench::start().await;
    let url = bench.url("/api/v1/events");
    let (sender, opened) = tokio::sync::oneshot::channel();
    let reader = tokio::task::spawn_blocking(move || {
        let mut lines = BufReader::new(ureq::get(url).call().unwrap().into_body().into_reader()).lines();
        lines.next().unwrap().unwrap();
        sender.send(()).unwrap();
        lines.map_while(Result::ok).count()
    });
    opened.await.unwrap();
    tokio::time::timeout(crate::bench::PATIENCE, bench.node.stop()).await.unwrap().unwrap();
    tokio::time::timeout(crate::bench::PATIENCE, reader).await.unwrap().unwrap();
}
