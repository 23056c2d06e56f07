// Package integration holds the tests of the repository as a whole: packages import each other in one direction
// only, and the top level stays as it is. The folders below hold the testbed, the scenarios, the demo
// and the benchmarks.
package integration
