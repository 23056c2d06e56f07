// Package integration holds the tests that see all of Weft at once: that its packages import each other in one direction
// only, and that the repository's top level stays as it is. The folders below hold the test bed, the scenarios, the demo
// and the benchmarks.
package integration
