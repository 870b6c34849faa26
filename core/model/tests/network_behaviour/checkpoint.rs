//! Reading checkpoints: what TensorFlow may write, and what damage does.

use geocrop_model::dynamic_world::{Network, NetworkError};
use geocrop_model::tensor_bundle::{BundleError, TensorBundle};

use crate::bundle::{Files, Tensor, table, untrained, varint, write};

fn two() -> Vec<Tensor> {
    let tensor = |name: &str, shape: &[u64], values: &[f32]| Tensor {
        name: name.to_owned(),
        shape: shape.to_vec(),
        values: values.to_vec(),
    };
    vec![
        tensor("layer/bias", &[2], &[0.5, -1.0]),
        tensor("layer/kernel", &[1, 2, 2], &[1.0, 2.0, 3.0, 4.0]),
    ]
}

#[test]
fn tensors_come_back_from_plain_and_from_compressed_blocks() {
    for compressed in [false, true] {
        let files = write(&two(), compressed);
        let bundle = TensorBundle::new(&files.index, &files.data).unwrap();
        let names: Vec<_> = bundle.names().collect();
        assert_eq!(names, ["layer/bias", "layer/kernel"]);
        assert_eq!(bundle.tensor("layer/bias", &[2]).unwrap(), [0.5, -1.0]);
        let kernel = bundle.tensor("layer/kernel", &[1, 2, 2]).unwrap();
        assert_eq!(kernel, [1.0, 2.0, 3.0, 4.0]);
    }
}

#[test]
fn another_name_or_shape_is_refused_by_name() {
    let files = write(&two(), true);
    let bundle = TensorBundle::new(&files.index, &files.data).unwrap();
    let error = bundle.tensor("layer/gamma", &[2]).unwrap_err();
    assert!(matches!(error, BundleError::Missing { count: 2, .. }));
    let error = bundle.tensor("layer/bias", &[3]).unwrap_err().to_string();
    assert!(error.contains("layer/bias"), "{error}");
    assert!(error.contains("[2], expected [3]"), "{error}");
}

#[test]
fn a_changed_byte_in_the_data_names_the_tensor() {
    let mut files = write(&two(), true);
    files.data[3] ^= 1;
    let bundle = TensorBundle::new(&files.index, &files.data).unwrap();
    let error = bundle.tensor("layer/bias", &[2]).unwrap_err();
    assert!(matches!(&error, BundleError::Checksum { name, .. } if name == "layer/bias"));
    assert!(bundle.tensor("layer/kernel", &[1, 2, 2]).is_ok());
}

#[test]
fn a_data_file_cut_short_names_the_tensor() {
    let files = write(&two(), true);
    let short = &files.data[..files.data.len() - 1];
    let bundle = TensorBundle::new(&files.index, short).unwrap();
    let error = bundle.tensor("layer/kernel", &[1, 2, 2]).unwrap_err();
    assert!(matches!(error, BundleError::Extent { .. }), "{error}");
}

#[test]
fn no_damaged_index_is_read_or_panics() {
    for compressed in [false, true] {
        let whole = write(&two(), compressed);
        for at in 0..whole.index.len() {
            // The padding of the footer is the one place where nothing stands.
            let footer = whole.index.len() - 48;
            let handles = (footer..footer + 40).contains(&at);
            for bit in [0, 3, 7] {
                let mut files = whole.clone();
                files.index[at] ^= 1 << bit;
                let outcome = TensorBundle::new(&files.index, &files.data);
                assert!(handles || outcome.is_err(), "byte {at}, bit {bit}");
            }
            assert!(TensorBundle::new(&whole.index[..at], &whole.data).is_err());
        }
    }
}

#[test]
fn more_data_files_big_endian_numbers_and_other_types_are_refused() {
    let refused = |header: &[u8], entry: &[u8]| {
        let pairs = [
            (Vec::new(), header.to_vec()),
            (b"x".to_vec(), entry.to_vec()),
        ];
        let index = table(&pairs, false);
        let outcome = TensorBundle::new(&index, &[0; 8]);
        outcome
            .and_then(|bundle| bundle.tensor("x", &[]))
            .unwrap_err()
            .to_string()
    };
    assert!(refused(&[0x08, 2], &[]).contains("2 data files"));
    assert!(refused(&[0x08, 1, 0x10, 1], &[]).contains("big-endian"));
    // Type 2 is float64.
    assert!(refused(&[0x08, 1], &[0x08, 2]).contains("type 2"));
    // An offset that no file has.
    let mut far = vec![0x08, 1, 0x20];
    varint(u64::MAX, &mut far);
    far.extend([0x28, 4]);
    assert!(refused(&[0x08, 1], &far).contains("cut short"));
}

#[test]
fn a_network_lacking_a_variable_or_with_a_wrong_number_is_refused() {
    let refused = |change: &dyn Fn(&mut Vec<Tensor>)| {
        let mut tensors = untrained(1);
        change(&mut tensors);
        let Files { index, data } = write(&tensors, true);
        Network::from_bytes(&index, &data).unwrap_err()
    };
    let error = refused(&|tensors| tensors.retain(|t| !t.name.starts_with("variables/97/")));
    assert!(error.to_string().contains("variables/97/"), "{error}");
    let error = refused(&|tensors| tensors[7].values[0] = f32::NAN);
    assert!(matches!(error, NetworkError::Weight { found, .. } if found.is_nan()));
    // A variance below zero has no root.
    let error = refused(&|tensors| {
        let variance = tensors
            .iter_mut()
            .find(|t| t.name.starts_with("variables/5/"));
        variance.unwrap().values[3] = -2.0;
    });
    assert!(error.to_string().contains("variables/5/"), "{error}");
}

#[test]
fn a_folder_without_weights_says_which_file_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let error = Network::load(folder.path()).unwrap_err().to_string();
    assert!(error.contains("variables.index"), "{error}");
}
