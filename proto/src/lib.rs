//! The contract of Rampart, compiled. The `.proto` files beside this crate are the documentation;
//! nothing here is written by hand but this file.
#![allow(missing_docs, clippy::all, reason = "generated from documented protos")]

/// `rampart.type.v1` is reached by generated code through its package path.
pub mod rampart {
    pub mod r#type {
        pub mod v1 {
            tonic::include_proto!("rampart.r#type.v1");
        }
    }
    pub mod registry {
        pub mod v1 {
            tonic::include_proto!("rampart.registry.v1");
        }
    }
    pub mod reporting {
        pub mod v1 {
            tonic::include_proto!("rampart.reporting.v1");
        }
    }
    pub mod medical {
        pub mod v1 {
            tonic::include_proto!("rampart.medical.v1");
        }
    }
    pub mod screening {
        pub mod v1 {
            tonic::include_proto!("rampart.screening.v1");
        }
    }
}

pub use rampart::{
    medical::v1 as medical, registry::v1 as registry, reporting::v1 as reporting, screening::v1 as screening,
    r#type::v1 as types,
};

/// Every file of the contract with its imports, comments and custom options, encoded: for
/// reflection, for the permission layer and for the contract checks.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor_set.bin"));
