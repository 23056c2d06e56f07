package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"weft/cmd/weft/internal/guesttree"
	"weft/cmd/weft/internal/isoimage"
	"weft/cmd/weft/internal/terminal"
	"weft/etcdschema"
	"weft/hostnet/guestconfig"
	"weft/model"
)

func injectCommand(s streams) *cli.Command {
	return command(cli.Command{
		Name:  "inject",
		Usage: "write what a guest is configured with, to a config drive, into the tree of its files, or into a guest that runs",
		Description: "The first port is the guest's first NIC. It has the guest's name, user data, keys and metadata, and the only default\n" +
			"route. --iso writes a disk for cloud-init and its like. --root writes network configuration, host name and root's\n" +
			"keys into the files of a guest that does not run. --agent writes the same into a guest that runs, by the QEMU guest agent,\n" +
			"and puts it in force there.",
		UsageText: "weft inject PORT… -p PROJECT --iso FILE [--format openstack|nocloud [--style netplan]] [--dhcp]\n" +
			"weft inject PORT… -p PROJECT --root DIR [--style STYLE] [--dhcp] [--dry-run] [--force]\n" +
			"weft inject PORT… -p PROJECT --agent SOCKET [--apply=false] [--style STYLE] [--dhcp] [--dry-run] [--force]",
		Flags: append(injectFlags(), projectFlag(),
			&cli.StringFlag{Name: "iso", Usage: "write a config drive to `FILE`"},
			&cli.StringFlag{Name: "format", Value: "openstack", Usage: "`FORMAT` of the config drive: openstack (label config-2) or nocloud (label cidata)"},
			&cli.StringFlag{Name: "root", Usage: "write into the mounted tree `DIR` of a guest"},
			&cli.StringFlag{Name: "agent", Usage: "write into the guest whose QEMU guest agent is behind the UNIX `SOCKET`"},
			&cli.BoolFlag{Name: "apply", Value: true, Usage: "with --agent, have the guest take the configuration and wait for its addresses"},
			&cli.StringFlag{Name: "style",
				Usage: "`STYLE` of the network configuration: " + guesttree.StyleNames() + " (default: what the guest has)"},
			&cli.BoolFlag{Name: "dhcp", Usage: "the guest asks by DHCP, instead of having its addresses written"},
			&cli.BoolFlag{Name: "dry-run", Usage: "show what would change in the guest's files, and write nothing"},
			&cli.BoolFlag{Name: "force", Usage: "replace files of the guest that weft inject did not write"}),
		Action: func(c *cli.Context) error {
			o, err := injectOptionsOf(c)
			if err != nil {
				return err
			}
			return withClient(c, func(ctx context.Context, client *etcdschema.Client, set settings) error {
				var ids []model.ID
				for _, name := range c.Args().Slice() {
					id, err := identify(model.KindPort.Segment(), name, set.Project)
					if err != nil {
						return err
					}
					ids = append(ids, id)
				}
				return inject(ctx, client, ids, o, s)
			})
		},
	})
}

// injectFlags are the connection's flags. --root is the guest's tree here, so the root of the keys has another name.
func injectFlags() (flags []cli.Flag) {
	for _, f := range connectionFlags() {
		if f.Names()[0] == "root" {
			f = &cli.StringFlag{Name: etcdRoot, EnvVars: []string{"WEFT_ROOT", "WEFT_ETCD_ROOT"}, Usage: "root of all `KEYS` in etcd, --root of other commands (default: WEFT_ROOT, or " + etcdschema.DefaultRoot + ")"}
		}
		flags = append(flags, f)
	}
	return flags
}

// styleNetplan is the style of a NoCloud drive for guests whose cloud-init writes for netplan.
const styleNetplan = "netplan"

// injectOptions say what is written, and where.
type injectOptions struct {
	iso, format string
	root, agent string
	style       string
	apply       bool
	dhcp        bool
	dryRun      bool
	force       bool
}

func injectOptionsOf(c *cli.Context) (o injectOptions, err error) {
	o = injectOptions{iso: c.String("iso"), format: c.String("format"), root: c.String("root"), agent: c.String("agent"),
		style: c.String("style"), apply: c.Bool("apply"), dhcp: c.Bool("dhcp"), dryRun: c.Bool("dry-run"), force: c.Bool("force")}
	places := slices.DeleteFunc([]string{o.iso, o.root, o.agent}, func(place string) bool { return place == "" })
	switch {
	case c.NArg() == 0:
		return o, errors.New("inject what? Name the guest's ports, the first NIC first, e.g. `weft inject web-1 -p alpha --iso web-1.iso`")
	case len(places) != 1:
		return o, errors.New("inject where? Give one of --iso FILE, --root DIR, the guest's tree (the root of the keys in etcd is " +
			"--etcd-root here), and --agent SOCKET, the guest's agent")
	case o.iso != "" && (o.dryRun || o.force):
		return o, errors.New("--dry-run and --force are for --root DIR and --agent SOCKET")
	case o.iso != "" && o.style != "" && (o.format != "nocloud" || o.style != styleNetplan):
		return o, errors.New("with --iso FILE, only --format nocloud has a --style, and only " + styleNetplan +
			": for a guest whose cloud-init writes for it")
	case o.iso == "" && c.IsSet("format"):
		return o, errors.New("--format is for --iso FILE")
	case o.agent == "" && c.IsSet("apply"):
		return o, errors.New("--apply is for --agent SOCKET")
	case o.format != "openstack" && o.format != "nocloud":
		return o, fmt.Errorf("%q is no format of a config drive: use openstack or nocloud", o.format)
	}
	return o, nil
}

// inject reads the guest and writes it.
func inject(ctx context.Context, st store, ids []model.ID, o injectOptions, s streams) error {
	g, notes, err := readGuest(ctx, st, ids, o.dhcp)
	if err != nil {
		return err
	}
	for _, note := range notes {
		fmt.Fprintf(s.err, "note: %s\n", terminal.Printable(note))
	}
	switch {
	case o.iso != "":
		return injectISO(g, o, s.out)
	case o.agent != "":
		return injectRunning(ctx, g, ids, o, s)
	}
	return injectTree(ctx, g, o, s)
}

// injectISO writes a config drive. It holds secrets: only its owner may read it.
func injectISO(g guestconfig.Guest, o injectOptions, out io.Writer) error {
	files, label := guestconfig.OpenStack(g), "config-2"
	if o.format == "nocloud" {
		files, label = guestconfig.NoCloud(g, o.style == styleNetplan), "cidata"
	}
	list := make([]isoimage.File, len(files))
	for i, f := range files {
		list[i] = isoimage.File{Path: f.Path, Data: f.Data}
	}
	image, err := isoimage.Bytes(label, list)
	if err != nil {
		return err
	}
	did, err := writeSecret(o.iso, image)
	if err != nil {
		return fmt.Errorf("--iso: %w", err)
	}
	fmt.Fprintf(out, "%s %s\n", terminal.Printable(o.iso), did)
	return nil
}

// writeSecret writes a file with mode 0600. Whoever reads it sees all of it or what was there before. It does not write to what is no
// regular file, such as a device.
func writeSecret(file string, data []byte) (did outcome, err error) {
	did = created
	info, err := os.Lstat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is not a regular file: name another, or remove it", file)
	default:
		did = configured
		if old, err := os.ReadFile(file); err == nil && info.Mode().Perm() == 0o600 && bytes.Equal(old, data) {
			return unchanged, nil
		}
	}
	next, err := os.CreateTemp(filepath.Dir(file), ".weft-inject-*") // with mode 0600
	if err != nil {
		return "", err
	}
	defer os.Remove(next.Name()) // fails after the rename
	_, err = next.Write(data)
	if err = errors.Join(err, next.Sync(), next.Close()); err != nil {
		return "", err
	}
	return did, os.Rename(next.Name(), file)
}

// injectTree writes into a guest's tree.
func injectTree(ctx context.Context, g guestconfig.Guest, o injectOptions, s streams) error {
	tree, err := guesttree.Open(o.root)
	if err != nil {
		return fmt.Errorf("--root: %w", err)
	}
	defer tree.Close()
	plan, err := tree.Plan(ctx, g, o.style, o.force)
	if err != nil {
		return fmt.Errorf("--root %s: %w", o.root, err)
	}
	tellPlan(plan, s.err)
	if o.dryRun {
		return writeDiff(plan, s.out)
	}
	if err := tree.Apply(ctx, plan); err != nil {
		return fmt.Errorf("--root %s: %w", o.root, err)
	}
	tellDone(plan, s.out)
	return nil
}
