// AssemblyScript, which build_wasm.ts compiles to kernel.wasm. See multiply.ts for the method, functions.ts for the functions.

const TILE: u32 = 4;
const DEPTH: u32 = 256;
const HEIGHT: u32 = 64;

let order: u32 = 0;
let keptRows: u32 = 0;
let keptBytes: u32 = 0;
let kept: usize = 0;
let packedBytes: u32 = 0;
let packed: usize = 0;

// For the areas of argument and result, and for what this module keeps.
export function malloc(bytes: i32): i32 {
  return heap.alloc(bytes) as i32;
}

export function keep(input: usize, bytes: u32, output: usize): u32 {
  order = load<f64>(input) as u32;
  keptRows = load<f64>(input, 8) as u32;
  const size: u32 = (8 * order * keptRows) as u32;
  if (size > keptBytes) {
    kept = heap.alloc(size); // the former rows are not freed
    keptBytes = size;
  }
  memory.copy(kept, input + 16, size);
  return 0;
}

export function multiply(input: usize, bytes: u32, output: usize): u32 {
  if (bytes != 8 * order * order) unreachable();
  multiplyRows(order, keptRows, kept, input, output);
  return (8 * order * keptRows) as u32;
}

export function product(input: usize, bytes: u32, output: usize): u32 {
  const n = load<f64>(input) as u32;
  const rows = load<f64>(input, 8) as u32;
  multiplyRows(n, rows, input + 16, input + 16 + 8 * n * rows, output);
  return 8 * n * rows;
}

function multiplyRows(n: u32, rows: u32, a: usize, b: usize, c: usize): void {
  const bytes: u32 = 8 * DEPTH * n;
  if (bytes > packedBytes) {
    packed = heap.alloc(bytes);
    packedBytes = bytes;
  }
  memory.fill(c, 0, 8 * rows * n);
  for (let from: u32 = 0; from < n; from += DEPTH) {
    const depth = min(DEPTH, n - from);
    pack(n, b + 8 * n * from, depth);
    for (let top: u32 = 0; top < rows; top += HEIGHT) {
      const bottom = min(top + HEIGHT, rows);
      for (let column: u32 = 0; column < n; column += TILE) {
        const strip = packed + 8 * column * depth;
        for (let row = top; row < bottom; row += TILE) {
          addTile(8 * n, a + 8 * (row * n + from), strip, depth, c + 8 * (row * n + column));
        }
      }
    }
  }
}

function pack(n: u32, b: usize, depth: u32): void {
  for (let column: u32 = 0; column < n; column += TILE) {
    let to = packed + 8 * column * depth;
    let from = b + 8 * column;
    for (let k: u32 = 0; k < depth; k++) {
      v128.store(to, v128.load(from));
      v128.store(to, v128.load(from, 16), 16);
      to += 32;
      from += 8 * n;
    }
  }
}

function addTile(stride: usize, a: usize, b: usize, depth: u32, c: usize): void {
  let s0 = f64x2.splat(0), s1 = s0, t0 = s0, t1 = s0, u0 = s0, u1 = s0, w0 = s0, w1 = s0;
  const end = a + 8 * depth;
  while (a < end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const s = v128.load_splat<f64>(a);
    const t = v128.load_splat<f64>(a + stride);
    const u = v128.load_splat<f64>(a + 2 * stride);
    const w = v128.load_splat<f64>(a + 3 * stride);
    s0 = f64x2.add(s0, f64x2.mul(s, b0));
    s1 = f64x2.add(s1, f64x2.mul(s, b1));
    t0 = f64x2.add(t0, f64x2.mul(t, b0));
    t1 = f64x2.add(t1, f64x2.mul(t, b1));
    u0 = f64x2.add(u0, f64x2.mul(u, b0));
    u1 = f64x2.add(u1, f64x2.mul(u, b1));
    w0 = f64x2.add(w0, f64x2.mul(w, b0));
    w1 = f64x2.add(w1, f64x2.mul(w, b1));
    a += 8;
    b += 32;
  }
  addTo(c, s0, s1);
  addTo(c + stride, t0, t1);
  addTo(c + 2 * stride, u0, u1);
  addTo(c + 3 * stride, w0, w1);
}

function addTo(c: usize, low: v128, high: v128): void {
  v128.store(c, f64x2.add(v128.load(c), low));
  v128.store(c, f64x2.add(v128.load(c, 16), high), 16);
}
