// The list of lessons, each with the section of the paper that it shows and a link of its own.
import { createMemo, For } from "solid-js";
import { lessonAddress } from "./link";
import type { Player } from "./player";

export function LessonList(props: { readonly player: Player; readonly onBegin: (id: string) => void }) {
  const heads = createMemo(() => props.player.heads());
  const minutes = () => heads().reduce((sum, head) => sum + head.minutes, 0);
  return (
    <>
      <p class="quiet">
        {heads().length} lessons, about {minutes()} minutes. Each asks for a prediction before it shows anything.
      </p>
      <ol class="lesson-list" data-testid="lesson-heads">
        <For each={heads()} fallback={<li class="quiet">There are no lessons in this build.</li>}>
          {(head) => (
            <li>
              <a
                href={lessonAddress(head.id)}
                data-testid="lesson-link"
                data-id={head.id}
                onClick={(event) => {
                  event.preventDefault();
                  props.onBegin(head.id);
                }}
              >
                {head.title}
              </a>
              <span class="quiet">
                {head.paper} · {head.minutes} min
              </span>
            </li>
          )}
        </For>
      </ol>
    </>
  );
}
