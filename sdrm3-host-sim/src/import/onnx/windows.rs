//! Shapes of what convolutions, poolings and matrix products give.

use super::value::{Node, Stop, elements, sizes};

/// A sliding window with its attributes, for each direction.
#[derive(Debug)]
pub(super) struct Slide {
    pub(super) kernel: Vec<u64>,
    pub(super) strides: Vec<u64>,
    dilations: Vec<u64>,
    /// At the beginnings, then at the ends.
    pads: Vec<i64>,
    auto_pad: String,
    rounds_up: bool,
}

impl Slide {
    /// The window of a convolution or pooling over so many directions; `kernel` where no attribute has it.
    pub(super) fn new(node: &Node<'_>, directions: usize, kernel: Option<&[u64]>) -> Result<Self, Stop> {
        let list = |name: &str, default: i64, count: usize| -> Result<Vec<i64>, Stop> {
            let list = node.ints(name).filter(|list| !list.is_empty());
            let list = list.map_or_else(|| vec![default; count], <[i64]>::to_vec);
            if list.len() == count {
                Ok(list)
            } else {
                Err(format!("{name} has {} values", list.len()).into())
            }
        };
        let counts = |name: &str| sizes(list(name, 1, directions)?.into_iter().map(i128::from));
        let kernel = match kernel {
            Some(kernel) => kernel.to_vec(),
            None if node.attribute("kernel_shape").is_none() => return Err("it has no kernel_shape".into()),
            None => counts("kernel_shape")?,
        };
        let (strides, dilations) = (counts("strides")?, counts("dilations")?);
        if kernel.iter().chain(&strides).chain(&dilations).any(|&size| size == 0) {
            return Err("a window, stride or dilation of zero".into());
        }
        let auto_pad = node.attribute("auto_pad").map(|a| String::from_utf8_lossy(&a.s).into_owned());
        Ok(Self {
            kernel,
            strides,
            dilations,
            pads: list("pads", 0, 2 * directions)?,
            auto_pad: auto_pad.unwrap_or_default(),
            rounds_up: node.int("ceil_mode", 0) != 0,
        })
    }

    /// Positions of the window over these sizes.
    pub(super) fn positions(&self, input: &[u64]) -> Result<Vec<u64>, Stop> {
        let position = |place: usize| -> Result<i128, Stop> {
            let [size, kernel, stride, dilation] =
                [input[place], self.kernel[place], self.strides[place], self.dilations[place]]
                    .map(i128::from);
            let reach = (kernel - 1) * dilation + 1;
            let pads = match self.auto_pad.as_str() {
                "SAME_UPPER" | "SAME_LOWER" => return Ok((size + stride - 1) / stride),
                "VALID" => 0,
                _ => i128::from(self.pads[place]) + i128::from(self.pads[place + self.kernel.len()]),
            };
            let free = size + pads - reach;
            if free < 0 {
                return Err(format!("a window of {reach} over an input of {size}, padded by {pads}").into());
            }
            Ok((free + if self.rounds_up { stride - 1 } else { 0 }) / stride + 1)
        };
        sizes((0..input.len()).map(position).collect::<Result<Vec<_>, _>>()?)
    }

    /// Sizes from which this window would give such an input.
    fn transposed(&self, node: &Node<'_>, input: &[u64]) -> Result<Vec<u64>, Stop> {
        if let Some(given) = node.ints("output_shape").filter(|given| given.len() == input.len()) {
            return sizes(given.iter().map(|&size| i128::from(size)));
        }
        let extra = node.ints("output_padding").filter(|extra| extra.len() == input.len());
        let size = |place: usize| {
            let [size, kernel, stride, dilation] =
                [input[place], self.kernel[place], self.strides[place], self.dilations[place]]
                    .map(i128::from);
            let pads = i128::from(self.pads[place]) + i128::from(self.pads[place + self.kernel.len()]);
            let extra = extra.map_or(0, |extra| i128::from(extra[place]));
            match self.auto_pad.as_str() {
                "SAME_UPPER" | "SAME_LOWER" => size * stride,
                _ => (size - 1) * stride + (kernel - 1) * dilation + 1 - pads + extra,
            }
        };
        sizes((0..input.len()).map(size))
    }
}

/// Frames, channels and the sizes of the directions.
pub(super) fn split(shape: &[u64]) -> Result<(u64, u64, &[u64]), Stop> {
    match shape {
        [batch, channels, sizes @ ..] if !sizes.is_empty() => Ok((*batch, *channels, sizes)),
        _ => Err(format!("an input of the shape {shape:?} has no directions to slide over").into()),
    }
}

/// What a convolution gives; `weights` and `slide` are those of its layer.
pub(super) fn convolved(node: &Node<'_>, weights: &[u64]) -> Result<(Vec<u64>, Slide), Stop> {
    let input = node.shape(0)?;
    let (batch, channels, directions) = split(input)?;
    let groups = node.int("group", 1);
    let (k, of_group, kernel) = split(weights)?;
    let fits = u64::try_from(groups)
        .is_ok_and(|groups| groups > 0 && of_group.checked_mul(groups) == Some(channels) && k % groups == 0);
    if !fits || kernel.len() != directions.len() {
        let what = format!("weights of {weights:?} in {groups} groups do not fit an input of {input:?}");
        return Err(what.into());
    }
    let slide = Slide::new(node, directions.len(), Some(kernel))?;
    let mut shape = vec![batch, k];
    shape.extend(slide.positions(directions)?);
    Ok((shape, slide))
}

/// What a transposed convolution gives.
pub(super) fn transposed(node: &Node<'_>) -> Result<Vec<u64>, Stop> {
    let (input, weights) = (node.shape(0)?, node.shape(1)?);
    let (batch, channels, directions) = split(input)?;
    let (of_weights, of_group, kernel) = split(weights)?;
    let groups = u64::try_from(node.int("group", 1)).unwrap_or(0);
    if of_weights != channels || kernel.len() != directions.len() || groups == 0 || channels % groups != 0 {
        return Err(format!("weights of {weights:?} do not fit an input of {input:?}").into());
    }
    let slide = Slide::new(node, directions.len(), Some(kernel))?;
    let k = sizes([i128::from(of_group) * i128::from(groups)])?;
    let positions = slide.transposed(node, directions)?;
    Ok([&[batch], &k[..], &positions[..]].concat())
}

/// What a pooling gives; a global one leaves one position in each direction.
pub(super) fn pooled(node: &Node<'_>, global: bool) -> Result<Vec<u64>, Stop> {
    let (batch, channels, directions) = split(node.shape(0)?)?;
    let positions = if global {
        vec![1; directions.len()]
    } else {
        Slide::new(node, directions.len(), None)?.positions(directions)?
    };
    Ok([&[batch, channels], &positions[..]].concat())
}

/// Inputs, outputs and positions of a matrix product, and the shape that it gives.
pub(super) struct Product {
    pub(super) c: u64,
    pub(super) k: u64,
    pub(super) positions: u64,
    pub(super) shape: Vec<u64>,
}

/// `Gemm`: both matrices may be turned.
pub(super) fn gemm(node: &Node<'_>) -> Result<Product, Stop> {
    let matrix = |place: usize, turned: &str| match *node.shape(place)? {
        [rows, columns] if node.int(turned, 0) == 0 => Ok((rows, columns)),
        [rows, columns] => Ok((columns, rows)),
        ref other => Err(Stop::Bad(format!("input {place} has the shape {other:?}, not two dimensions"))),
    };
    let ((rows, c), (depth, k)) = (matrix(0, "transA")?, matrix(1, "transB")?);
    if c != depth {
        return Err(format!("a product over {c} and over {depth} elements").into());
    }
    Ok(Product { c, k, positions: rows, shape: vec![rows, k] })
}

/// `MatMul` and its quantised variants, whose second matrix is input `second`.
pub(super) fn matmul(node: &Node<'_>, second: usize) -> Result<Product, Stop> {
    let (left, right) = (node.shape(0)?, node.shape(second)?);
    // A vector is a matrix with one row, or one column, which the result lacks.
    let (rows, c, before) = match left {
        [] => return Err("a product of a single number".into()),
        [c] => (None, *c, &[][..]),
        [before @ .., rows, c] => (Some(*rows), *c, before),
    };
    let (depth, k, behind) = match right {
        [] => return Err("a product of a single number".into()),
        [depth] => (*depth, None, &[][..]),
        [behind @ .., depth, k] => (*depth, Some(*k), behind),
    };
    if c != depth {
        return Err(format!("a product over {c} and over {depth} elements").into());
    }
    let mut shape = broadcast(&[before, behind])?;
    shape.extend(rows);
    let positions = elements(&shape).ok_or("too large")?;
    shape.extend(k);
    Ok(Product { c, k: k.unwrap_or(1), positions, shape: sizes(shape.into_iter().map(i128::from))? })
}

/// The shape to which all of these stretch: aligned at their ends, sizes of one repeat.
pub(super) fn broadcast(shapes: &[&[u64]]) -> Result<Vec<u64>, Stop> {
    let rank = shapes.iter().map(|shape| shape.len()).max().unwrap_or(0);
    let mut result = vec![1; rank];
    for shape in shapes {
        for (size, &other) in result.iter_mut().rev().zip(shape.iter().rev()) {
            match (*size, other) {
                (1, other) => *size = other,
                (size, other) if other == size || other == 1 => {}
                _ => return Err(format!("shapes {shapes:?} do not fit together").into()),
            }
        }
    }
    Ok(result)
}
