//! One storage service: the trait, its drivers, injected faults and the contract suite.
