/** A new question: what is asked, which answers there are, who is asked how often, and what the classes look like. */
import { Button, Group, NumberInput, Stack, Switch, TagsInput, Text, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, get } from "../api/client";
import { many } from "../app/words";
import { ChipPicker } from "../label/ChipPicker";
import { eventId } from "../label/events";
import { isYesNo, keyOf } from "../label/hotkeys";

interface Props {
  onDone: () => void;
  /** Ids of chips that it is about; by default all of the project. */
  chips?: readonly string[];
}

export function NewTask({ onDone, chips }: Props) {
  const queries = useQueryClient();
  const [id] = useState(eventId); // sent again, the task is made once
  const [question, setQuestion] = useState("");
  const [classes, setClasses] = useState<string[]>([]);
  const [several, setSeveral] = useState(false);
  const [opinions, setOpinions] = useState(1);
  const [guide, setGuide] = useState("");
  const [references, setReferences] = useState<Record<string, string[]>>({});
  const make = useMutation({
    mutationFn: () =>
      get(
        api.POST("/api/v1/tasks", {
          body: {
            id,
            question: question.trim(),
            classes,
            several,
            opinions,
            guide,
            references: Object.fromEntries(classes.map((name) => [name, references[name] ?? []])),
            chips: chips ? chips.map((chip) => ({ chip, priority: 0 })) : null,
          },
        }),
      ),
    onSuccess: () => {
      queries.invalidateQueries({ queryKey: ["tasks"] });
      onDone();
    },
  });
  const keys = classes.map((name, at) => `${keyOf(at, { classes, several }) || "button"} ${name}`).join(" · ");
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        make.mutate();
      }}
    >
      <Stack>
        <TextInput
          label="Question"
          description="What people decide about each picture."
          placeholder="Is there smoke?"
          maxLength={500}
          value={question}
          onChange={(event) => setQuestion(event.currentTarget.value)}
          required
          data-autofocus
        />
        <TagsInput
          label="Classes"
          description="Two or more answers; Enter or a comma ends each. Of two, name first what you look for."
          placeholder={classes.length === 0 ? "smoke, clear" : ""}
          value={classes}
          onChange={setClasses}
          maxTags={100}
          acceptValueOnBlur
          required
          error={classes.length === 1 ? "One more: people need something to choose from." : undefined}
        />
        {classes.length > 1 && (
          <Text size="sm" c="dimmed">
            Keys: {keys}
            {isYesNo({ classes, several }) && " · or swipe right and left"}
          </Text>
        )}
        <Switch
          label="A picture may have several of them, or none"
          checked={several}
          onChange={(event) => setSeveral(event.currentTarget.checked)}
        />
        <NumberInput
          label="Opinions"
          description="How many people decide about each picture. Two or more show how well they agree."
          min={1}
          max={99}
          allowDecimal={false}
          value={opinions}
          onChange={(value) => setOpinions(Number(value) || 1)}
        />
        {classes.length > 0 && (
          <fieldset style={{ border: 0, margin: 0, padding: 0 }}>
            <Text component="legend" size="sm" fw={500}>
              Pictures that show them well
            </Text>
            <Text size="xs" c="dimmed" mb="xs">
              Optional. They stay in sight while people label, and the model starts from them.
            </Text>
            <Stack gap="xs">
              {classes.map((name) => (
                <ChipPicker
                  key={name}
                  name={name}
                  picked={references[name] ?? []}
                  onPick={(picked) => setReferences({ ...references, [name]: picked })}
                />
              ))}
            </Stack>
          </fieldset>
        )}
        <Textarea
          label="How to decide"
          description="Optional. What counts and what does not, in difficult cases too."
          autosize
          minRows={2}
          maxRows={10}
          value={guide}
          onChange={(event) => setGuide(event.currentTarget.value)}
        />
        <Group justify="space-between">
          <Text size="sm" c="dimmed">
            {chips ? `About ${many(chips.length, "chosen picture")}.` : "About all pictures of the project."}
          </Text>
          <Button type="submit" loading={make.isPending} disabled={!question.trim() || classes.length < 2}>
            Make the task
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
