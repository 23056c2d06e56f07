// Package kind has what the controllers know of each kind of intent, and of each kind of item in the node configs.
//
// Invariants:
//
//   - All computation starts from accepted objects, never from an invalid intent.
//   - What an evaluation looks at is read through its reader, so that it is recorded.
//   - A port, and the network that it is on, are written to a node together.
package kind
