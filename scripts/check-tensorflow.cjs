// Loads a linked tfjs-node package, multiplies two matrices, checks the product and prints what it ran on.
const util = require("node:util");

// tfjs-node 4.22 calls functions that Node 23 removed from `util`.
util.isNullOrUndefined ??= (value) => value === null || value === undefined;
util.isArray ??= Array.isArray;

const name = process.argv[2];
const tf = require(name);
const size = 1024;
const a = tf.ones([size, size]);
const product = tf.matMul(a, a);
const [value] = product.dataSync();
if (value !== size) {
  console.error(`link-tensorflow: ${name} computed ${value} where ${size} is right`);
  process.exit(1);
}
const repeats = 10;
const start = process.hrtime.bigint();
// Only the sum comes back: fetching a large result would time the copy, not the product.
for (let i = 0; i < repeats; i++) tf.tidy(() => tf.sum(tf.matMul(a, a)).dataSync());
const seconds = Number(process.hrtime.bigint() - start) / 1e9;
const gflops = (2 * size ** 3 * repeats) / seconds / 1e9;
const tensorflow = tf.backend().binding.TF_Version;
console.log(
  `${name} works: TensorFlow ${tensorflow}, backend ${tf.getBackend()}, ${gflops.toFixed(0)} GFLOP/s on a ${size} x ${size} float32 product`,
);
