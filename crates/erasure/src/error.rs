//! What can be wrong with a request to the codec.

/// A request that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There must be data, and at most 255 shards in all.
    #[error("a code of {data} data and {parity} parity shards is not possible")]
    Shape {
        /// Data shards asked for.
        data: usize,
        /// Parity shards asked for.
        parity: usize,
    },
    /// A number of buffers is not what the rows have.
    #[error("{given} {what} were given, there must be {wanted}")]
    Count {
        /// What was counted.
        what: &'static str,
        /// How many there were.
        given: usize,
        /// How many there must be.
        wanted: usize,
    },
    /// All buffers must be equally long.
    #[error("buffers differ in length: {0} and {1} bytes")]
    Lengths(usize, usize),
    /// A shard's number is no shard of the code, or it is there twice.
    #[error("shard {0} is none of the code, or is named twice")]
    Shard(usize),
}

/// The result of a request to the codec.
pub type Result<T> = std::result::Result<T, Error>;
