//! How fast blobs are cut into shards and read back, over providers in memory: the array's own cost.
//!
//! `cargo run --release -p dolium-array --example cut_rate [layout]`

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use dolium_array::{
    Array, ArraySettings, BlobId, BlobKind, Layout, Member, MemberId, Payload, StoredBlob,
};
use dolium_provider::MemoryProvider;

const BLOB_LEN: usize = 16 << 20;
const ROUNDS: usize = 32;

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Outcome {
    let layout: Layout = std::env::args()
        .nth(1)
        .as_deref()
        .unwrap_or("erasure:3+1")
        .parse()?;
    let provider = |_| Arc::new(MemoryProvider::new());
    let providers: Vec<_> = (0..layout.shards()).map(provider).collect();
    let member = |(n, provider): (u16, &Arc<MemoryProvider>)| {
        let provider = Arc::clone(provider) as Arc<_>;
        Member {
            id: MemberId(n),
            name: format!("p{n}"),
            provider,
        }
    };
    let members = (0..).zip(&providers).map(member).collect();
    let array = Array::new(ArraySettings::new("rate", layout, members, [1; 32]))?;
    let body: Vec<u8> = (0..BLOB_LEN).map(|at| (at * 31 % 253) as u8).collect();
    let body = Payload::from(body);

    let started = Instant::now();
    let mut blobs: Vec<StoredBlob> = Vec::new();
    for n in 0..ROUNDS {
        let id = BlobId::new(BlobKind::Pack, format!("{n:032x}"))?;
        blobs.push(array.put(&id, body.clone()).await?);
    }
    report(&format!("{layout} put"), started)?;

    let started = Instant::now();
    for blob in &blobs {
        array.read(blob, 0..blob.len).await?;
    }
    report(&format!("{layout} read"), started)?;

    if layout.parity() > 0 {
        let mut broken = blobs.clone();
        for blob in &mut broken {
            let mut shards = blob.placement.shards().to_vec();
            shards[0] = None;
            blob.placement = dolium_array::Placement::new(shards);
        }
        let started = Instant::now();
        for blob in &broken {
            array.read(blob, 0..blob.len).await?;
        }
        report(&format!("{layout} degraded read"), started)?;
    }
    Ok(())
}

fn report(what: &str, started: Instant) -> Outcome {
    let gib = (ROUNDS * BLOB_LEN) as f64 / f64::from(1 << 30);
    let rate = gib / started.elapsed().as_secs_f64();
    writeln!(std::io::stdout(), "{what}: {rate:.2} GiB/s of blob bytes")?;
    Ok(())
}
