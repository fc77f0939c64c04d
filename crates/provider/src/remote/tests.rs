//! What drivers make of answers that no emulator gives.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::*;

fn provider(kind: &str, options: &[(&str, &str)]) -> RemoteProvider {
    let options: BTreeMap<_, _> = options
        .iter()
        .map(|(option, value)| ((*option).to_owned(), (*value).to_owned()))
        .collect();
    RemoteProvider::open(kind, &options).unwrap()
}

#[tokio::test]
async fn a_service_that_is_not_there_is_temporarily_unavailable() {
    // Nothing listens on port 1.
    let provider = provider(
        "s3",
        &[
            ("bucket", "b"),
            ("endpoint", "http://127.0.0.1:1"),
            ("access_key_id", "a"),
            ("secret_access_key", "hush"),
        ],
    );
    let error = provider.list("", None, 1).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.status()),
        (ErrorKind::Unavailable, Status::Temporary)
    );
    assert!(!format!("{error} {provider:?}").contains("hush"));
}

/// Answers one connection's requests in turn; the requests' heads are what the thread gives back.
fn scripted(answers: Vec<String>, listener: TcpListener) -> thread::JoinHandle<Vec<String>> {
    thread::spawn(move || {
        let mut heads = Vec::new();
        for answer in answers {
            // A connection for each request, since every answer closes its own.
            let (stream, _) = listener.accept().unwrap();
            heads.push(request(&stream));
            let text = format!("HTTP/1.1 {answer}");
            (&stream).write_all(text.as_bytes()).unwrap();
        }
        heads
    })
}

/// Reads one request and returns its head.
fn request(stream: &TcpStream) -> String {
    let mut stream = BufReader::new(stream);
    let (mut head, mut len) = (String::new(), 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            len = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    stream.read_exact(&mut vec![0; len]).unwrap();
    head
}

/// Whether Google refuses when an upload begins or when it ends; its emulators refuse at neither.
#[tokio::test]
async fn a_name_that_is_taken_at_google_is_told_as_such() {
    let refused = "412 Precondition Failed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    for begins in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let begun = format!(
            "200 OK\r\nLocation: {endpoint}/session\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        let answers = begins.then_some(begun).into_iter();
        let server = scripted(answers.chain([refused.to_owned()]).collect(), listener);
        let provider = provider(
            "gcs",
            &[("bucket", "b"), ("endpoint", &endpoint), ("token", "hush")],
        );
        let name = BlobName::new("taken").unwrap();
        let error = provider.put(&name, Payload::from(vec![1])).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::AlreadyExists);
        let heads = server.join().unwrap();
        assert!(heads[0].contains("ifGenerationMatch=0"), "{heads:?}");
        let signed = heads[0]
            .to_lowercase()
            .contains("authorization: bearer hush");
        assert!(signed, "{heads:?}");
        assert!(!format!("{provider:?}").contains("hush"));
    }
}
