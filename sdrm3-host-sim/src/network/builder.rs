//! Writes a network as a readable list of layers: the builder keeps the shape of the activations
//! and derives every layer's input channels and output size from it.

use super::layer::{Branch, Layer, Op};

/// Activations between two layers: channels × rows × columns. A sequence has one column and its
/// time steps as rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Channels.
    pub channels: u32,
    /// Rows, or positions of a sequence.
    pub rows: u32,
    /// Columns.
    pub columns: u32,
}

impl Shape {
    /// A shape of `channels` × `rows` × `columns`.
    pub fn new(channels: u32, rows: u32, columns: u32) -> Self {
        Self { channels, rows, columns }
    }
}

/// Padding of a convolution or pooling window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// As much as keeps the output at input size / stride, rounded up.
    Same,
    /// None: only whole windows inside the input.
    Valid,
    /// This many rows and columns on each side.
    Each(u32),
}

impl Padding {
    /// Output size along one direction.
    fn output(self, size: u32, kernel: u32, stride: u32) -> u32 {
        match self {
            Padding::Same => size.div_ceil(stride),
            Padding::Valid => (size - kernel) / stride + 1,
            Padding::Each(pad) => (size + 2 * pad - kernel) / stride + 1,
        }
    }
}

/// An inverted residual block (MobileNetV2): expand 1×1, depthwise, optional squeeze-and-excite,
/// project 1×1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvertedResidual {
    /// Output channels.
    pub k: u32,
    /// Rows and columns of the depthwise kernel.
    pub kernel: u32,
    /// Stride of the depthwise layer.
    pub stride: u32,
    /// Channels between expansion and projection.
    pub expanded: u32,
    /// Channels inside the squeeze-and-excite, `None` without one.
    pub squeezed: Option<u32>,
}

/// Builds the layers of one sub-network in the order of execution.
#[derive(Clone, Debug)]
pub struct Builder {
    shape: Shape,
    layers: Vec<Layer>,
}

impl Builder {
    /// Starts at the network's input.
    pub fn new(channels: u32, rows: u32, columns: u32) -> Self {
        Self { shape: Shape::new(channels, rows, columns), layers: Vec::new() }
    }

    /// The shape that the next layer reads.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Index of the next layer; stage boundaries are noted this way.
    pub fn next_index(&self) -> usize {
        self.layers.len()
    }

    /// The finished layers.
    pub fn into_layers(self) -> Vec<Layer> {
        self.layers
    }

    /// Continues from another shape: a branch point, a concatenation or an upsampling.
    pub fn at(&mut self, shape: Shape) -> &mut Self {
        self.shape = shape;
        self
    }

    /// Dense convolution with a square kernel.
    pub fn conv(&mut self, name: &str, k: u32, kernel: u32, stride: u32, padding: Padding) -> &mut Self {
        self.conv_rect(name, k, (kernel, kernel), stride, padding)
    }

    /// Dense convolution with a kernel of rows × columns.
    pub fn conv_rect(
        &mut self,
        name: &str,
        k: u32,
        kernel: (u32, u32),
        stride: u32,
        padding: Padding,
    ) -> &mut Self {
        self.window(name, Op::Conv, k, kernel, stride, padding)
    }

    /// 1×1 convolution.
    pub fn pointwise(&mut self, name: &str, k: u32) -> &mut Self {
        self.conv(name, k, 1, 1, Padding::Same)
    }

    /// Depthwise convolution, channel multiplier 1, `Same` padding.
    pub fn depthwise(&mut self, name: &str, kernel: u32, stride: u32) -> &mut Self {
        let channels = self.shape.channels;
        self.window(name, Op::Depthwise, channels, (kernel, kernel), stride, Padding::Same)
    }

    /// Depthwise convolution with `multiplier` outputs for each input channel, `Same` padding.
    pub fn depthwise_multiplied(
        &mut self,
        name: &str,
        multiplier: u32,
        kernel: u32,
        stride: u32,
    ) -> &mut Self {
        let k = self.shape.channels * multiplier;
        self.window(name, Op::Depthwise, k, (kernel, kernel), stride, Padding::Same)
    }

    /// Inverted residual block. Without expansion (`expanded` equal to the input channels) the
    /// first 1×1 layer is left out if `always_expand` is false.
    pub fn inverted_residual(
        &mut self,
        name: &str,
        block: InvertedResidual,
        always_expand: bool,
    ) -> &mut Self {
        if always_expand || block.expanded != self.shape.channels {
            self.pointwise(&format!("{name}.expand"), block.expanded);
        }
        self.depthwise(&format!("{name}.depthwise"), block.kernel, block.stride);
        if let Some(squeezed) = block.squeezed {
            let expanded = self.shape.channels;
            self.matmul(&format!("{name}.squeeze"), expanded, squeezed, 1);
            self.matmul(&format!("{name}.excite"), squeezed, expanded, 1);
        }
        self.pointwise(&format!("{name}.project"), block.k)
    }

    /// Pooling: no multiplications, it only changes the shape.
    pub fn pool(&mut self, kernel: u32, stride: u32, padding: Padding) -> &mut Self {
        self.pool_rect((kernel, kernel), (stride, stride), padding)
    }

    /// Pooling with window and stride given as (rows, columns).
    pub fn pool_rect(&mut self, kernel: (u32, u32), stride: (u32, u32), padding: Padding) -> &mut Self {
        self.shape.rows = padding.output(self.shape.rows, kernel.0, stride.0);
        self.shape.columns = padding.output(self.shape.columns, kernel.1, stride.1);
        self
    }

    /// Global pooling to one value per channel.
    pub fn global_pool(&mut self) -> &mut Self {
        self.shape = Shape::new(self.shape.channels, 1, 1);
        self
    }

    /// Upsampling of rows and columns without multiplications (unpooling, nearest neighbour).
    pub fn upsample(&mut self, rows: u32, columns: u32) -> &mut Self {
        self.shape.rows *= rows;
        self.shape.columns *= columns;
        self
    }

    /// Fully connected layer over the flattened input.
    pub fn fc(&mut self, name: &str, k: u32) -> &mut Self {
        let Shape { channels, rows, columns } = self.shape;
        self.matmul(name, channels * rows * columns, k, 1);
        self.at(Shape::new(k, 1, 1))
    }

    /// The same fully connected layer at each position of a sequence.
    pub fn fc_each(&mut self, name: &str, k: u32) -> &mut Self {
        let Shape { channels, rows, .. } = self.shape;
        self.matmul(name, channels, k, rows);
        self.at(Shape::new(k, rows, 1))
    }

    /// Matrix product beside the chain: `c` inputs to `k` outputs at each of `positions`. The
    /// current shape stays.
    pub fn matmul(&mut self, name: &str, c: u32, k: u32, positions: u32) -> &mut Self {
        self.layers.push(Layer {
            name: name.to_owned(),
            op: Op::FullyConnected,
            k,
            c,
            out_y: positions,
            out_x: 1,
            r: 1,
            s: 1,
            stride: 1,
            groups: 1,
            outside: [0, 0],
            branch: Branch::Next,
        });
        self
    }

    /// After the last layer, the next `layers` layers are skipped with this probability.
    pub fn skip(&mut self, layers: u16, probability: f64) -> &mut Self {
        self.branch(Branch::Skip { layers, probability })
    }

    /// After the last layer, the frame is finished with this probability.
    pub fn exit(&mut self, probability: f64) -> &mut Self {
        self.branch(Branch::Exit { probability })
    }

    fn branch(&mut self, branch: Branch) -> &mut Self {
        self.layers.last_mut().expect("a branch follows a layer").branch = branch;
        self
    }

    /// Adds a layer with a sliding window and moves on to its output.
    fn window(
        &mut self,
        name: &str,
        op: Op,
        k: u32,
        kernel: (u32, u32),
        stride: u32,
        padding: Padding,
    ) -> &mut Self {
        let Shape { channels, rows, columns } = self.shape;
        let out_y = padding.output(rows, kernel.0, stride);
        let out_x = padding.output(columns, kernel.1, stride);
        self.layers.push(Layer {
            name: name.to_owned(),
            op,
            k,
            c: channels,
            out_y,
            out_x,
            r: kernel.0,
            s: kernel.1,
            stride,
            groups: if op == Op::Depthwise { channels } else { 1 },
            outside: [0, 0],
            branch: Branch::Next,
        });
        self.at(Shape::new(k, out_y, out_x))
    }
}
