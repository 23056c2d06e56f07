package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"weft/cmd/weft/internal/terminal"
	"weft/etcdschema"
	"weft/model"
)

func defaultGroupCommand(s streams) *cli.Command {
	return command(cli.Command{
		Name:  "default-security-group",
		Usage: "print manifests that filter a project's ports as OpenStack does",
		Description: "A security group whose ports may send everything and receive from each other, and the project with this default. It is for the\n" +
			"ports that name no group, also for those that are there. Nothing is changed: give the output to `weft diff -f -` and `weft apply -f -`.",
		UsageText: "weft default-security-group -p PROJECT [--name default]",
		Flags: append(connectionFlags(), projectFlag(),
			&cli.StringFlag{Name: "name", Value: "default", Usage: "name of the security group"}),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return withClient(c, func(ctx context.Context, client *etcdschema.Client, set settings) error {
				if set.Project == "" {
					return errors.New("which project? Name it with -p or WEFT_PROJECT")
				}
				return printDefaultGroup(ctx, client, set.Project, c.String("name"), s)
			})
		},
	})
}

// printDefaultGroup prints the project as it is declared, with the default, and the group. A group that is declared already is not printed, so
// that its rules stay.
func printDefaultGroup(ctx context.Context, st store, project, name string, s streams) error {
	id := model.ID{Project: model.ClusterProject, Kind: model.KindProject, Name: project}
	item, ok, err := st.Get(ctx, etcdschema.Intent(id))
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%s does not exist: create it first, or correct the name", id)
	}
	declared, err := model.DecodeIntent(id, item.Value)
	if err != nil {
		return err
	}
	spec := *declared.Spec.(*model.ProjectSpec)
	spec.DefaultSecurityGroup = name
	declared.Spec = &spec
	all := []model.Object{declared}
	group := openStackGroup(project, name)
	_, there, err := st.Get(ctx, etcdschema.Intent(group.ID()))
	switch {
	case err != nil:
		return err
	case there:
		fmt.Fprintf(s.err, "note: %s is declared already and stays as it is\n", group.ID())
	default:
		all = append(all, group)
	}
	texts := make([][]byte, len(all))
	for i, o := range all {
		if texts[i], err = terminal.YAML(o); err != nil {
			return fmt.Errorf("%s: %w", o.ID(), err)
		}
	}
	return writeDocuments(s, texts)
}

// openStackGroup is the default group of OpenStack's projects: everything out, and in from the group.
func openStackGroup(project, name string) model.Object {
	return model.Object{APIVersion: model.APIVersion, Kind: model.KindSecurityGroup, Metadata: model.Metadata{Project: project, Name: name},
		Spec: &model.SecurityGroupSpec{Rules: []model.SecurityGroupRule{
			{Direction: model.DirectionEgress}, {Direction: model.DirectionIngress, RemoteGroup: name},
		}}}
}
