package scale

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"
)

// Command is a run of the CLI.
type Command struct {
	Took      time.Duration
	Processor time.Duration
	Peak      int // resident memory in KiB
	Lines     int // of output
	Widest    int // characters of its longest line
	// Floor is how long the same reads or writes take raw.
	Floor time.Duration
}

// childLauncher is the name under which this program starts a command and measures it.
const childLauncher = "scale-launcher"

// Child starts a command, measures it and exits, if this program was started under the name of the launcher. Otherwise it returns at once.
// A program that measures commands calls it first in main (a test: in TestMain).
func Child() {
	if filepath.Base(os.Args[0]) != childLauncher {
		return
	}
	if err := launch(os.Args[1:], os.NewFile(reportFile, "report")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// reportFile is the launcher's descriptor for what it has measured.
const reportFile = 3

// launched is what the launcher has measured.
type launched struct {
	Took, Processor time.Duration
	Peak            int
	Exit            int // status; -1 if a signal ended the command
}

// launch runs the command, and writes what it used as JSON.
func launch(args []string, report io.Writer) error {
	runtime.LockOSThread() // the kernel kills the command when this thread ends
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	start := time.Now()
	err := cmd.Run()
	took := time.Since(start)
	if cmd.ProcessState == nil {
		return err
	}
	state := cmd.ProcessState
	used := launched{Took: took, Processor: state.UserTime() + state.SystemTime(), Exit: state.ExitCode()}
	if u, ok := state.SysUsage().(*syscall.Rusage); ok {
		used.Peak = int(u.Maxrss)
	}
	return json.NewEncoder(report).Encode(used)
}

// measured runs a program and measures it. exit is the exit status that is not an error, besides 0.
//
// A small launcher starts the program. Until a new process executes its program, it has the memory of the process that started it, and
// Linux counts that into its peak. This process has hundreds of MiB.
func measured(ctx context.Context, env []string, exit int, args ...string) (r Command, err error) {
	self, err := os.Executable()
	if err != nil {
		return r, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return r, err
	}
	defer read.Close()
	cmd := exec.CommandContext(ctx, self)
	cmd.Args = append([]string{childLauncher}, args...)
	cmd.Env, cmd.ExtraFiles = env, []*os.File{write}
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err = cmd.Run()
	write.Close()
	var used launched
	err = errors.Join(err, json.NewDecoder(read).Decode(&used))
	if err == nil && used.Exit != 0 && used.Exit != exit {
		err = fmt.Errorf("exit status %d", used.Exit)
	}
	if err != nil {
		return r, fmt.Errorf("%s: %w: %.2000s", strings.Join(args, " "), err, stderr.String())
	}
	r = Command{Took: used.Took, Processor: used.Processor, Peak: used.Peak}
	for line := range bytes.Lines(out.Bytes()) {
		r.Lines++
		r.Widest = max(r.Widest, utf8.RuneCount(bytes.TrimSuffix(line, []byte("\n"))))
	}
	return r, nil
}
