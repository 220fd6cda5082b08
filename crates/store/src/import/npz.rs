//! NumPy's NPZ: named arrays of numbers, whatever their type on disk.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use ndarray::ArrayD;
use ndarray_npy::{NpzReader, ReadDataError, ReadNpyError, ReadNpzError, ReadableElement};
use py_literal::Value;

use super::timing::TimingFileError;

/// An open NPZ.
pub(super) struct Npz {
    reader: NpzReader<BufReader<File>>,
    names: Vec<String>,
}

/// An array as it stood in the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Array {
    pub(super) shape: Vec<usize>,
    /// Row by row, whatever the order on disk.
    pub(super) values: Vec<f64>,
}

/// Values an array may have: a file that claims more is damaged, or not a timing profile.
const MOST_VALUES: usize = 1 << 22;

impl Npz {
    pub(super) fn open(path: &Path) -> Result<Self, TimingFileError> {
        let file =
            File::open(path).map_err(|source| TimingFileError::Read { path: path.to_owned(), source })?;
        let broken =
            |why: ReadNpzError| TimingFileError::NotAnNpz { path: path.to_owned(), why: why.to_string() };
        let mut reader = NpzReader::new(BufReader::new(file)).map_err(broken)?;
        let names = reader.names().map_err(broken)?;
        Ok(Self { reader, names })
    }

    /// The names of its arrays.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The array called `name`; `None` if there is none, why not if it cannot be read.
    pub(super) fn array(&mut self, name: &str) -> Option<Result<Array, String>> {
        if !self.names.iter().any(|known| known == name) {
            return None;
        }
        let read: Result<ArrayD<Number>, _> = self.reader.by_name(name);
        Some(read.map_err(|error| why(&error)).map(|array| Array {
            shape: array.shape().to_vec(),
            values: array.iter().map(|number| number.0).collect(),
        }))
    }
}

fn why(error: &ReadNpzError) -> String {
    match error {
        ReadNpzError::Npy(ReadNpyError::WrongDescriptor(dtype)) => {
            format!("its numbers are of type {dtype}; floats of 4 or 8 bytes and whole numbers are read")
        }
        ReadNpzError::Npy(ReadNpyError::MissingData) => "it ends before its last value".to_owned(),
        ReadNpzError::Npy(ReadNpyError::ParseData(error)) => error.to_string(),
        other => other.to_string(),
    }
}

/// A number of any type that NumPy writes by default.
struct Number(f64);

impl ReadableElement for Number {
    fn read_to_end_exact_vec<R: Read>(
        mut reader: R,
        type_desc: &Value,
        len: usize,
    ) -> Result<Vec<Self>, ReadDataError> {
        let unknown = || ReadDataError::WrongDescriptor(type_desc.clone());
        let (size, decode) = type_desc.as_string().and_then(|dtype| decoder(dtype)).ok_or_else(unknown)?;
        if len > MOST_VALUES {
            return Err(ReadDataError::ParseData(format!("it claims {len} values").into()));
        }
        let mut bytes = Vec::new();
        // One byte more than there should be: an array that goes on is not the one its header tells of.
        let wanted = (len * size) as u64;
        reader.by_ref().take(wanted + 1).read_to_end(&mut bytes).map_err(ReadDataError::Io)?;
        match bytes.len() as u64 {
            got if got < wanted => return Err(ReadDataError::MissingData),
            got if got > wanted => return Err(ReadDataError::ExtraBytes(1)),
            _ => {}
        }
        Ok(bytes.chunks_exact(size).map(|word| Self(decode(word))).collect())
    }
}

/// Bytes a number takes, and how to read it.
type Decoder = (usize, fn(&[u8]) -> f64);

/// For the type as NumPy writes it: byte order, kind, size.
#[expect(
    clippy::cast_lossless,
    reason = "one macro for types that fit into an f64 and types that are rounded to one"
)]
fn decoder(dtype: &str) -> Option<Decoder> {
    macro_rules! read {
        ($number:ty, $from:ident) => {{
            const SIZE: usize = size_of::<$number>();
            (SIZE, |word: &[u8]| {
                let mut bytes = [0_u8; SIZE];
                bytes.copy_from_slice(word);
                <$number>::$from(bytes) as f64
            })
        }};
    }
    Some(match dtype {
        "<f8" => read!(f64, from_le_bytes),
        ">f8" => read!(f64, from_be_bytes),
        "<f4" => read!(f32, from_le_bytes),
        ">f4" => read!(f32, from_be_bytes),
        "<i8" => read!(i64, from_le_bytes),
        ">i8" => read!(i64, from_be_bytes),
        "<i4" => read!(i32, from_le_bytes),
        ">i4" => read!(i32, from_be_bytes),
        "<i2" => read!(i16, from_le_bytes),
        "|i1" => read!(i8, from_le_bytes),
        "<u8" => read!(u64, from_le_bytes),
        "<u4" => read!(u32, from_le_bytes),
        "<u2" => read!(u16, from_le_bytes),
        "|u1" => read!(u8, from_le_bytes),
        _ => return None,
    })
}
