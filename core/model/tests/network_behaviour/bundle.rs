//! Writes checkpoints as TensorFlow does, to be read back: with weights from a seeded generator.

/// A tensor to be written.
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) shape: Vec<u64>,
    pub(crate) values: Vec<f32>,
}

/// The two files of a checkpoint.
#[derive(Clone)]
pub(crate) struct Files {
    pub(crate) index: Vec<u8>,
    pub(crate) data: Vec<u8>,
}

/// Numbers that look random and are always the same (Steele, Lea and Flood 2014, "splitmix").
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    /// Between 0 and 1.
    pub(crate) fn unit(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 24) as f32
    }

    /// Between two numbers.
    pub(crate) fn between(&mut self, from: f32, to: f32) -> f32 {
        from + (to - from) * self.unit()
    }
}

/// Which variables belong to a convolution: kernel's and normalisation's number, kernel's shape.
fn convolutions() -> Vec<(usize, usize, [u64; 4])> {
    let mut all = vec![(0, 2, [3, 3, 9, 64]), (78, 80, [1, 1, 64, 48])];
    all.push((96, 98, [3, 3, 48, 1]));
    let blocks = [
        (64, 96, [6, 12, 18, 24, 30, 36, 38], [40, 44]),
        (96, 144, [48, 54, 60, 66, 72, 84, 86], [88, 92]),
        (192, 144, [102, 108, 114, 120, 126, 132, 134], [136, 140]),
    ];
    for (inputs, outputs, kernels, last) in blocks {
        for (nth, kernel) in kernels.into_iter().enumerate() {
            let (norm, shape) = match nth {
                0 => (kernel + 2, [1, 1, inputs, outputs]),
                2 | 4 => (kernel + 2, [1, 1, outputs, outputs]),
                5 => (last[0], [3, 3, outputs, 1]),
                6 => (last[1], [1, 1, inputs, outputs]),
                _ => (kernel + 2, [3, 3, outputs, 1]),
            };
            all.push((kernel, norm, shape));
        }
    }
    all
}

/// A network that was never trained, but whose activations are of the size of a trained one's.
pub(crate) fn untrained(seed: u64) -> Vec<Tensor> {
    let mut numbers = Numbers(seed);
    let mut tensors = Vec::new();
    let mut add = |number: usize, shape: &[u64], from: f32, to: f32| {
        let count: u64 = shape.iter().product();
        tensors.push(Tensor {
            name: format!("variables/{number}/.ATTRIBUTES/VARIABLE_VALUE"),
            shape: shape.to_vec(),
            values: (0..count).map(|_| numbers.between(from, to)).collect(),
        });
    };
    for (kernel, norm, shape) in convolutions() {
        let seen = if shape[3] == 1 {
            9
        } else {
            shape[0] * shape[1] * shape[2]
        };
        let spread = (4.0 / seen as f32).sqrt();
        let outputs = if shape[3] == 1 { shape[2] } else { shape[3] };
        add(kernel, &shape, -spread, spread);
        add(kernel + 1, &[outputs], -0.2, 0.2);
        add(norm, &[outputs], 0.5, 1.5);
        add(norm + 1, &[outputs], -0.3, 0.3);
        add(norm + 2, &[outputs], -0.2, 0.2);
        add(norm + 3, &[outputs], 0.3, 1.5);
    }
    add(144, &[1, 1, 144, 9], -6.0, 6.0);
    add(145, &[9], -0.5, 0.5);
    tensors
}

/// Writes a checkpoint. Blocks of the index are compressed if `compressed`.
pub(crate) fn write(tensors: &[Tensor], compressed: bool) -> Files {
    let mut data = Vec::new();
    // The header: one shard.
    let mut pairs = vec![(Vec::new(), vec![0x08, 1, 0x1a, 2, 0x08, 1])];
    for tensor in tensors {
        let bytes: Vec<u8> = tensor.values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let mut shape = Vec::new();
        for size in &tensor.shape {
            let mut dimension = vec![0x08];
            varint(*size, &mut dimension);
            shape.push(0x12);
            varint(dimension.len() as u64, &mut shape);
            shape.extend(dimension);
        }
        let mut entry = vec![0x08, 1, 0x12];
        varint(shape.len() as u64, &mut entry);
        entry.extend(shape);
        entry.push(0x20);
        varint(data.len() as u64, &mut entry);
        entry.push(0x28);
        varint(bytes.len() as u64, &mut entry);
        entry.push(0x35);
        entry.extend(masked_crc(&bytes).to_le_bytes());
        pairs.push((tensor.name.clone().into_bytes(), entry));
        data.extend(bytes);
    }
    pairs.sort();
    Files {
        index: table(&pairs, compressed),
        data,
    }
}

/// A sorted table: data blocks of some keys, an index block, a footer.
pub(crate) fn table(pairs: &[(Vec<u8>, Vec<u8>)], compressed: bool) -> Vec<u8> {
    let mut file = Vec::new();
    let mut places = Vec::new();
    for pairs in pairs.chunks(40) {
        let handle = put(&mut file, &block(pairs), compressed);
        places.push((pairs.last().unwrap().0.clone(), handle));
    }
    let metaindex = put(&mut file, &block(&[]), false);
    let index = put(&mut file, &block(&places), compressed);
    let mut footer = [metaindex, index].concat();
    footer.resize(40, 0);
    file.extend(footer);
    file.extend(0xdb47_7524_8b80_fb57_u64.to_le_bytes());
    file
}

fn block(pairs: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let (mut bytes, mut restarts) = (Vec::new(), Vec::new());
    let mut previous: &[u8] = &[];
    for (nth, (key, value)) in pairs.iter().enumerate() {
        if nth.is_multiple_of(16) {
            restarts.push(bytes.len() as u32);
            previous = &[];
        }
        let shared = key.iter().zip(previous).take_while(|(a, b)| a == b).count();
        for number in [shared, key.len() - shared, value.len()] {
            varint(number as u64, &mut bytes);
        }
        bytes.extend(&key[shared..]);
        bytes.extend(value);
        previous = key;
    }
    restarts.push(restarts.len() as u32);
    bytes.extend(restarts.iter().flat_map(|n| n.to_le_bytes()));
    bytes
}

/// Appends a block with its trailer; returns where it lies.
fn put(file: &mut Vec<u8>, block: &[u8], compressed: bool) -> Vec<u8> {
    let mut stored = if compressed {
        snap::raw::Encoder::new().compress_vec(block).unwrap()
    } else {
        block.to_vec()
    };
    let mut handle = Vec::new();
    varint(file.len() as u64, &mut handle);
    varint(stored.len() as u64, &mut handle);
    stored.push(u8::from(compressed));
    let crc = masked_crc(&stored);
    file.extend(stored);
    file.extend(crc.to_le_bytes());
    handle
}

pub(crate) fn varint(mut number: u64, to: &mut Vec<u8>) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// The masked CRC-32C, bit by bit.
fn masked_crc(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 * (crc & 1));
        }
    }
    (!crc).rotate_right(15).wrapping_add(0xa282_ead8)
}
