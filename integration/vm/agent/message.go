// Package agent defines the messages between package vm and the first process inside the virtual machine: JSON values, one after another,
// over one virtio serial port, or over the first serial line of user-mode Linux.
//
// Invariants: only package vm starts an exchange. Every Run is answered by exactly one Exit with its ID, after all of its output.
package agent

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// Port is the name of the virtio serial port.
const Port = "weft.agent"

// Request is sent by package vm. Exactly one of the pointers is set.
type Request struct {
	// ID is chosen by package vm, once for each Run.
	ID int `json:"id"`
	// RunFile is a file of the share that holds a Run, so that requests are small: a command's environment has kilobytes. User-mode Linux
	// stopped reading its serial line when the commands of two scenarios came at once.
	RunFile string `json:"runFile,omitempty"`
	// Kill ends the Run of the ID with its process group.
	Kill *struct{} `json:"kill,omitempty"`
	// Init replaces the first process by another program. Its answer is an Exit too, with code 0 once that program runs.
	Init *Init `json:"init,omitempty"`
}

// Init is the program that the first process becomes.
type Init struct {
	Args []string `json:"args"`
	Env  []string `json:"env"`
}

// Run is a command to be run.
type Run struct {
	Args []string `json:"args"`
	Env  []string `json:"env"`
	Dir  string   `json:"dir"`
	// Stage is copied to memory and run instead of Args[0], because large programs run faster from there.
	Stage bool `json:"stage,omitempty"`
}

// Reply is sent by the virtual machine.
type Reply struct {
	ID     int    `json:"id,omitempty"`
	Stdout []byte `json:"out,omitempty"`
	Stderr []byte `json:"err,omitempty"`
	Exit   *Exit  `json:"exit,omitempty"`
	// Hello is the first reply of all, without an ID.
	Hello *Hello `json:"hello,omitempty"`
}

// Hello says that the virtual machine is ready.
type Hello struct {
	Release string `json:"release"` // of the kernel, as uname -r
}

// Exit is how a command ended.
type Exit struct {
	Code int `json:"code"` // 128 + the number of the signal that ended it, as shells say
	// Error is why the command could not be started.
	Error string `json:"error,omitempty"`
}

// Writer sends values. Several goroutines may use it.
type Writer[T any] struct {
	mu sync.Mutex
	w  io.Writer
}

// NewWriter makes a writer to one end of the port.
func NewWriter[T any](w io.Writer) *Writer[T] { return &Writer[T]{w: w} }

// Send writes one value.
func (w *Writer[T]) Send(v T) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := w.w.Write(append(data, '\n')); err != nil {
		return fmt.Errorf("agent: send: %w", err)
	}
	return nil
}

// NewReader reads the values of the other end.
func NewReader(r io.Reader) *json.Decoder { return json.NewDecoder(r) }
