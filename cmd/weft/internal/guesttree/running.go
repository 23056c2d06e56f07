package guesttree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"weft/cmd/weft/internal/guestagent"
	"weft/hostnet/guestconfig"
)

const (
	// smallLimit bounds a command in a guest that only looks at files or moves them.
	smallLimit = 20 * time.Second
	// maxFileName is the length of the longest name in a folder in bytes (NAME_MAX).
	maxFileName = 255
)

// Agent is what a running guest is reached by: *guestagent.Client.
type Agent interface {
	Refused(commands ...string) []string
	ReadFile(ctx context.Context, path string, limit int) ([]byte, error)
	WriteFile(ctx context.Context, path string, data []byte) error
	Run(ctx context.Context, limit time.Duration, command string, args ...string) (guestagent.Output, error)
	Interfaces(ctx context.Context) ([]guestagent.Interface, error)
}

// Running are the files of a guest that runs. If its agent runs no commands (guest-exec is disabled), files that are there already can be
// written in their place, and nothing else: the agent would make new ones so that everybody in the guest can write them.
type Running struct {
	agent Agent
	runs  bool // the agent runs commands
	// seen are the names that Weft may look at and that are there, if the agent runs commands.
	seen map[string]stat
	// absent is what the agent says of a file that is not there, in the guest's language, if it runs no commands. A zero byte stands for the
	// path.
	absent string
}

// OpenRunning looks at the files of a guest that runs. The agent must read and write files.
func OpenRunning(ctx context.Context, agent Agent) (*Running, error) {
	if refused := agent.Refused(guestagent.FileCommands()...); len(refused) > 0 {
		return nil, fmt.Errorf("the guest agent does not carry out %s: allow that in the guest (block-rpcs and allow-rpcs in "+
			"/etc/qemu/qemu-ga.conf, and the options in /etc/sysconfig/qemu-ga), or give the guest a config drive with --iso", strings.Join(refused, ", "))
	}
	r := &Running{agent: agent, runs: len(agent.Refused(guestagent.ExecCommands()...)) == 0}
	if r.runs {
		return r, r.look(ctx)
	}
	name := "/weft-inject-" + uuid.NewString()
	var refusal *guestagent.Error
	if _, err := agent.ReadFile(ctx, name, 0); !errors.As(err, &refusal) {
		return nil, errors.Join(err, errors.New("the guest agent does not say that a file that cannot be there is not there"))
	}
	r.absent = strings.ReplaceAll(refusal.Text, name, "\x00")
	return r, nil
}

// RunsCommands says whether the agent runs commands in the guest.
func (r *Running) RunsCommands() bool { return r.runs }

// Plan computes what is to be written. An empty style means the one that the guest has. Without force, a file that Weft did not write and
// that is in the way is an error. So is a file that is to be made or removed, if the agent runs no commands.
func (r *Running) Plan(ctx context.Context, g guestconfig.Guest, style string, force bool) (Plan, error) {
	p, err := plan(ctx, r, g, style, force)
	if err != nil || r.runs {
		return p, err
	}
	var first []string // commands
	for _, c := range p.Files {
		switch {
		case c.unchanged() || c.New != nil && c.old.there:
		case c.New == nil:
			first = append(first, "rm /"+c.Path)
		case c.folderMode() != 0o755:
			first = append(first, fmt.Sprintf("install -d -m %o /%s", c.folderMode(), path.Dir(c.Path)),
				fmt.Sprintf("install -m %o /dev/null /%s", c.Mode, c.Path))
		default:
			first = append(first, fmt.Sprintf("install -D -m %o /dev/null /%s", c.Mode, c.Path))
		}
	}
	if len(first) > 0 {
		return p, fmt.Errorf("guest-exec is disabled in the guest, and by itself the guest agent can neither remove files nor make files that "+
			"only root can write: run this in the guest and repeat, or allow guest-exec:\n  %s", strings.Join(first, "\n  "))
	}
	return p, nil
}

func (r *Running) noun() string { return "the guest" }

func (r *Running) read(ctx context.Context, name string) (existing, error) {
	info, ok := r.seen[name]
	switch {
	case r.runs && !ok:
		return existing{}, nil
	case r.runs && !info.mode.IsRegular():
		return existing{}, fmt.Errorf("%s is not a regular file (%s): remove it", name, info.mode.Type())
	}
	data, err := r.agent.ReadFile(ctx, "/"+name, maxFile)
	switch {
	case errors.Is(err, guestagent.ErrTooLarge):
		return existing{}, fmt.Errorf("%s has more than %d bytes: it is not what it should be", name, maxFile)
	case r.isAbsent(name, err):
		return existing{}, nil
	case err != nil:
		return existing{}, fmt.Errorf("/%s: %w", name, err)
	}
	return existing{there: true, data: data, mode: info.mode.Perm(), uid: info.uid, gid: info.gid}, nil
}

// isAbsent says that the agent refuses the file as it refuses one that cannot be there.
func (r *Running) isAbsent(name string, err error) bool {
	var refusal *guestagent.Error
	return !r.runs && errors.As(err, &refusal) && refusal.Text == strings.ReplaceAll(r.absent, "\x00", "/"+name)
}

func (r *Running) has(ctx context.Context, name string) (bool, error) {
	if r.runs {
		_, ok := r.seen[name]
		return ok, nil
	}
	_, err := r.agent.ReadFile(ctx, "/"+name, 0)
	var refusal *guestagent.Error
	switch {
	case r.isAbsent(name, err):
		return false, nil
	case errors.As(err, &refusal) && refusal.Command == "guest-file-open":
		return false, nil // below a file, or not for the agent
	case err == nil, errors.Is(err, guestagent.ErrTooLarge), errors.As(err, &refusal): // a folder can be opened and not be read
		return true, nil
	}
	return false, err
}

// hasLink follows links too: a running guest's lead to where they should.
func (r *Running) hasLink(ctx context.Context, name string) (bool, error) { return r.has(ctx, name) }

// list names nothing if the agent runs no commands.
func (r *Running) list(ctx context.Context, folder string, limit int) ([]string, error) {
	if _, ok := r.seen[folder]; !r.runs || !ok {
		return nil, nil
	}
	out, err := r.small(ctx, "ls", "-1", "--", "/"+folder)
	names := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	return slices.DeleteFunc(names[:min(len(names), limit)], func(s string) bool { return s == "" || len(s) > maxFileName }), err
}

// small runs a command that must succeed.
func (r *Running) small(ctx context.Context, command string, args ...string) ([]byte, error) {
	o, err := r.agent.Run(ctx, smallLimit, command, args...)
	if err == nil && o.Code != 0 {
		err = fmt.Errorf("`%s` ended with %d in the guest: %s", strings.Join(append([]string{command}, args...), " "), o.Code, o.Err)
	}
	return o.Out, err
}

// Apply does what the plan says, file by file, in its order.
func (r *Running) Apply(ctx context.Context, p Plan) error {
	for _, c := range p.Files {
		var err error
		switch {
		case c.unchanged():
		case c.New == nil:
			_, err = r.small(ctx, "rm", "-f", "--", "/"+c.Path)
		case r.runs:
			err = r.replace(ctx, c)
		default:
			err = r.agent.WriteFile(ctx, "/"+c.Path, c.New)
		}
		if err != nil {
			return fmt.Errorf("/%s: %w", c.Path, err)
		}
	}
	return nil
}

// replace puts a file into its place by renaming it. It is made so that nobody but root can open it before it is complete.
func (r *Running) replace(ctx context.Context, c Change) error {
	folder := "/" + path.Dir(c.Path)
	temp := folder + "/.weft-inject-" + uuid.NewString()
	steps := [][]string{{"install", "-m", "600", "--", "/dev/null", temp}, nil}
	if _, ok := r.seen[path.Dir(c.Path)]; !ok {
		steps = slices.Insert(steps, 0, []string{"mkdir", "-p", "-m", fmt.Sprintf("%o", c.folderMode()), "--", folder})
	}
	if c.old.there {
		steps = append(steps, []string{"chown", fmt.Sprintf("%d:%d", c.old.uid, c.old.gid), "--", temp})
	}
	steps = append(steps, []string{"chmod", fmt.Sprintf("%o", c.Mode), "--", temp}, []string{"mv", "-f", "--", temp, "/" + c.Path})
	for _, step := range steps {
		var err error
		if step == nil {
			err = r.agent.WriteFile(ctx, temp, c.New)
		} else {
			_, err = r.small(ctx, step[0], step[1:]...)
		}
		if err != nil {
			_, left := r.small(ctx, "rm", "-f", "--", temp)
			return errors.Join(err, left)
		}
	}
	return nil
}

// stat is what the guest's stat(1) says of a file.
type stat struct {
	mode     fs.FileMode // permission bits and type; types other than files, folders and links are fs.ModeIrregular
	uid, gid int
}
