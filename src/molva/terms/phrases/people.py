"""What the clients say of people, rooms and accounts."""

PHRASES: dict[str, tuple[str, str]] = {
    # -- What happens -----------------------------------------------------------------------------
    "chat.added": ("* {by} added {name} to {room}", "* {by}: {name} теперь в {room}"),
    "chat.invited": ("* {by} invited {name} to {room}", "* {by} приглашает в {room}: {name}"),
    "chat.renamed": ("* {by} renamed {was}: {room}", "* {by} переименовывает {was}: {room}"),
    "chat.mode": ("* {by}, {room}: {text}", "* {by}, {room}: {text}"),
    "chat.mode.public": ("open to everybody", "открыта всем"),
    "chat.mode.private": ("by invitation only", "только по приглашению"),
    "chat.mode.announcement": ("only moderators write", "пишут только модераторы"),
    "chat.mode.slow": (
        "slow mode, {n} s between one's messages",
        "медленный режим: {n} с между своими сообщениями",
    ),
    "chat.mode.slow_off": ("no slow mode", "без медленного режима"),
    "chat.mode.frozen": (
        "frozen, for now only moderators write",
        "заморожена, пока пишут только модераторы",
    ),
    "chat.mode.thawed": ("everybody may write again", "снова пишут все"),
    "chat.kind.private": ("private", "закрытая"),
    "chat.kind.announcement": ("announcements", "объявления"),
    "chat.kind.group": ("group", "группа"),
    "chat.role.guest": ("guest", "гость"),
    "chat.role.member": ("member", "участник"),
    "chat.role.moderator": ("moderator", "модератор"),
    "chat.role.admin": ("admin", "администратор"),
    "chat.owner_hint": (
        "This server is yours. So that your name stays yours too: /password",
        "Этот сервер ваш. Чтобы и имя осталось вашим: /password",
    ),
    "chat.role.owner": ("owner", "владелец"),
    "chat.role_room": (
        "* {name} is {role} in {room} now, by {by}",
        "* {name} теперь {role} в {room}; решает {by}",
    ),
    "chat.role_server": (
        "* {name} is {role} of this server now, by {by}",
        "* {name} теперь {role} этого сервера; решает {by}",
    ),
    "chat.kicked": ("* {name} was put out of {room} by {by}", "* {by} выводит из {room}: {name}"),
    "chat.kicked_server": (
        "* {name} was disconnected from the server by {by}",
        "* {by} отключает от сервера: {name}",
    ),
    "chat.banned": (
        "* {name} was banned from {room} by {by} {until}",
        "* {by} закрывает вход в {room} {until}: {name}",
    ),
    "chat.banned_server": (
        "* {name} was banned from the server by {by} {until}",
        "* {by} закрывает вход на сервер {until}: {name}",
    ),
    "chat.unbanned": (
        "* {by} ended the ban of {name} from {room}",
        "* {by} снова открывает вход в {room}: {name}",
    ),
    "chat.unbanned_server": (
        "* {by} ended the ban of {name} from the server",
        "* {by} снова открывает вход на сервер: {name}",
    ),
    "chat.unbanned_over": (
        "* the ban of {name} from {room} is over",
        "* вход в {room} снова открыт, срок вышел: {name}",
    ),
    "chat.unbanned_over_server": (
        "* the ban of {name} from the server is over",
        "* вход на сервер снова открыт, срок вышел: {name}",
    ),
    "chat.muted": (
        "* {name} was muted in {room} by {by} {until}",
        "* {by} лишает слова в {room} {until}: {name}",
    ),
    "chat.muted_server": (
        "* {name} was muted in {room} by {by} {until}",
        "* {by} лишает слова в {room} {until}: {name}",
    ),
    "chat.unmuted": (
        "* {by} lets {name} write in {room} again",
        "* {by} возвращает слово в {room}: {name}",
    ),
    "chat.unmuted_server": (
        "* {by} lets {name} write in {room} again",
        "* {by} возвращает слово в {room}: {name}",
    ),
    "chat.unmuted_over": (
        "* {name} may write in {room} again, the time is up",
        "* в {room} слово возвращено, срок вышел: {name}",
    ),
    "chat.unmuted_over_server": (
        "* {name} may write in {room} again, the time is up",
        "* в {room} слово возвращено, срок вышел: {name}",
    ),
    # Between what was done and why.
    "chat.because": (":", " —"),
    "chat.addresses": ("a range of addresses", "диапазон адресов"),
    "chat.until": ("until {time}", "до {time}"),
    "chat.for_good": ("for good", "навсегда"),
    "chat.tombstone": ("(message removed)", "(сообщение удалено)"),
    "chat.back_line": ("(put back) ", "(возвращено) "),
    "chat.removed": (
        "* {by} removed message {seq} of {name}",
        "* {by} удаляет сообщение {seq}, автор {name}",
    ),
    "chat.removed_own": (
        "* {name} removed their message {seq}",
        "* {name} удаляет своё сообщение {seq}",
    ),
    "chat.restored": (
        "* {by} put back message {seq} of {name}",
        "* {by} возвращает сообщение {seq}, автор {name}",
    ),
    "chat.restored_own": (
        "* {name} put back their message {seq}",
        "* {name} возвращает своё сообщение {seq}",
    ),
    "chat.reported": (
        "! {by} reports message {seq} of {name} in {room}",
        "! {by} жалуется на сообщение {seq} в {room}, автор {name}",
    ),
    "chat.reported_direct": (
        "! {by} reports message {seq} that {name} wrote to them",
        "! {by} жалуется на личное сообщение {seq}, автор {name}",
    ),
    "chat.departed": (
        "* the account of {name} is deleted",
        "* {name}: учётная запись удалена",
    ),
    "chat.departed_all": (
        "* the account of {name} is deleted, and all they said with it",
        "* {name}: учётная запись и всё сказанное удалены",
    ),
    "chat.put_out": (
        "You are no longer in {room}: put out by {by}.",
        "Вы больше не в {room}: вас выводит {by}.",
    ),
    "chat.put_out_banned": (
        "You are no longer in {room}: banned by {by}.",
        "Вы больше не в {room}: вход вам закрывает {by}.",
    ),
    "chat.reason": ("The reason: {text}", "Причина: {text}"),
    "chat.invited_you": (
        "* {by} invites you to {room}: /join {room}",
        "* {by} приглашает вас в {room}: /join {room}",
    ),
    "chat.called": ("{was} is called {room} now.", "{was} теперь называется {room}."),
    "chat.blocked": (
        "You hear no whisper, coming or going of {name} any more; they are not told.",
        "Личных сообщений, приходов и уходов {name} вам больше не видно; ему или ей об этом "
        "не сообщают.",
    ),
    "chat.unblocked": ("You hear {name} again.", "{name}: теперь снова видно всё."),
    "chat.blocks": ("You block:", "Вы блокируете:"),
    "chat.blocks_none": ("You block nobody.", "Вы никого не блокируете."),
    "chat.ledger_none": ("{room}: nothing in the ledger.", "{room}: журнал пуст."),
    "chat.sanction_ban": ("banned {until}: {name}", "вход закрыт {until}: {name}"),
    "chat.sanction_mute": ("muted {until}: {name}", "без слова {until}: {name}"),
    "chat.sanctions_none": (
        "{room}: nobody is banned or muted.",
        "{room}: запретов нет.",
    ),
    "chat.sanctions_total": ("… of {n} in all", "… всего: {n}"),
    "chat.invitation": (
        "Invitation as {role}: {code} — uses: {n}, good {until}. It is shown this once.",
        "Приглашение, роль — {role}: {code} — входов: {n}, действует {until}. Больше оно не "
        "покажется.",
    ),
    "chat.invitation_named": (
        "Invitation for {name} as {role}: {code} — uses: {n}, good {until}. It is shown this once.",
        "Приглашение для {name}, роль — {role}: {code} — входов: {n}, действует {until}. Больше "
        "оно не покажется.",
    ),
    "chat.invitation_line": (
        "  molva chat {server} --code {code}",
        "  molva chat {server} --code {code}",
    ),
    "chat.invitation_row": (
        "{invitation}: {role}, uses left: {n}, good {until}, by {by}",
        "{invitation}: {role}, осталось входов: {n}, действует {until}, кем — {by}",
    ),
    "chat.invitation_row_named": (
        "{invitation}: {role}, for {name}, uses left: {n}, good {until}, by {by}",
        "{invitation}: {role}, для {name}, осталось входов: {n}, действует {until}, кем — {by}",
    ),
    "chat.invitations_none": ("There are no invitations.", "Приглашений нет."),
    "chat.invitations_total": ("… of {n} invitations in all", "… всего приглашений: {n}"),
    "chat.account": (
        "{name}: {role}, devices: {n}{marks}",
        "{name}: {role}, устройств: {n}{marks}",
    ),
    "chat.account_no_password": ("no password", "без пароля"),
    "chat.accounts_total": ("… of {n} people in all", "… всего человек: {n}"),
    "chat.device": ("{device}: {name}, since {time}{marks}", "{device}: {name}, с {time}{marks}"),
    "chat.device_this": ("this one", "это устройство"),
    "chat.device_online": ("online", "в сети"),
    "chat.device_unnamed": ("unnamed", "без имени"),
    "chat.several_devices": (
        "Several devices are called {name}: say the id.",
        "Устройств с именем {name} несколько: укажите id.",
    ),
    "chat.link": (
        "Code for another device of yours: {code} — good once, for {n} min. Type there:",
        "Код для другого вашего устройства: {code} — на один раз, действует {n} мин. Наберите там:",
    ),
    "chat.link_line": (
        "  molva chat {server} --name {name} --code {code}",
        "  molva chat {server} --name {name} --code {code}",
    ),
    "chat.order_waits": (
        "There is no connection: this is asked when it is back.",
        "Связи нет: это будет сделано, когда она вернётся.",
    ),
    "chat.done": ("Done.", "Сделано."),
    "chat.done_server": ("Done, on the whole server.", "Сделано на всём сервере."),
    "chat.unanswered": (
        "The connection broke before the answer: look whether it worked before you try again.",
        "Соединение прервалось до ответа: прежде чем повторять, проверьте, не сделано ли уже.",
    ),
    "chat.no_room": (
        "That is done in a room; go to one by /join #ROOM.",
        "Это делают в комнате; войдите в неё: /join #КОМНАТА.",
    ),
    "chat.no_unit": (
        "{n} of what? 10m, 2h, 3d and 1w are durations; nothing was done.",
        "{n} чего? Бывает 10мин, 2ч, 3д, 1н; ничего не сделано.",
    ),
    "chat.no_message": (
        "No message of {name} is here; /numbers shows their numbers.",
        "Сообщений {name} здесь нет; номера показывает /numbers.",
    ),
    "chat.numbers_on": ("Lines are numbered from here on.", "Дальше строки с номерами."),
    "chat.numbers_off": ("No numbers any more.", "Номеров больше нет."),
    "chat.asks_person": (
        "A person at a terminal must do that: it asks for a password.",
        "Это делают в терминале: понадобится пароль.",
    ),
    "chat.ask_old": ("Your password now: ", "Нынешний пароль: "),
    "chat.ask_new": ("The new password: ", "Новый пароль: "),
    "chat.ask_again": ("The new password again: ", "Новый пароль ещё раз: "),
    "chat.ask_delete": (
        "Your password, to delete the account {name}: ",
        "Пароль, чтобы удалить учётную запись {name}: ",
    ),
    "chat.ask_delete_guest": (
        "Type {name} to delete this account: ",
        "Наберите {name}, чтобы удалить эту учётную запись: ",
    ),
    "chat.ask_cancel_hint": (
        "What you type is not sent as a message. An empty line: never mind.",
        "Набранное не станет сообщением. Пустая строка: отмена.",
    ),
    "chat.delete_hint": (
        "This account ends for ever and nobody gets its name. What it said stays.",
        "Учётная запись исчезнет навсегда, её имя никому не достанется. Сказанное останется.",
    ),
    "chat.delete_hint_all": (
        "This account ends for ever and nobody gets its name. What it said goes too.",
        "Учётная запись исчезнет навсегда, её имя никому не достанется. Сказанное тоже исчезнет.",
    ),
    "chat.differ": (
        "These are two different passwords; nothing was changed.",
        "Пароли не совпали; ничего не изменено.",
    ),
    "chat.never_mind": ("Nothing was changed.", "Ничего не изменено."),
    "chat.password_set": (
        "The name is yours by this password. Other devices must enter it anew.",
        "Имя закреплено за вами этим паролем. Другим устройствам понадобится ввести его заново.",
    ),
    "chat.ousted": (
        "This device does not come back by itself. To enter anew: molva chat {server}",
        "Само это устройство не вернётся. Войти заново: molva chat {server}",
    ),
    # -- The commands -----------------------------------------------------------------------------
    "chat.help.numbers": (
        "/numbers|show or hide the number of each line",
        "/numbers|показывать ли номера строк",
    ),
    "chat.help.remove": (
        "/remove [N/@NAME] [REASON]|remove message N, or the last one of NAME, or your own",
        "/remove [N/@ИМЯ] [ПРИЧИНА]|удалить сообщение N, последнее от ИМЯ или своё",
    ),
    "chat.help.restore": (
        "/restore N [REASON]|put back message N",
        "/restore N [ПРИЧИНА]|вернуть сообщение N",
    ),
    "chat.help.report": (
        "/report N/@NAME [REASON]|ask the moderators to look at a message",
        "/report N/@ИМЯ [ПРИЧИНА]|попросить модераторов взглянуть на сообщение",
    ),
    "chat.help.block": (
        "/block NAME|hear no whisper, coming or going of somebody",
        "/block ИМЯ|не слышать личных сообщений, приходов и уходов",
    ),
    "chat.help.unblock": ("/unblock NAME|hear them again", "/unblock ИМЯ|слышать снова"),
    "chat.help.blocks": ("/blocks|whom you block", "/blocks|кого вы блокируете"),
    "chat.help.group": (
        "/group NAME NAME …|talk with several people",
        "/group ИМЯ ИМЯ …|беседа с несколькими людьми",
    ),
    "chat.help.invite": (
        "/invite NAME [#ROOM]|let somebody into a room",
        "/invite ИМЯ [#КОМНАТА]|впустить в комнату",
    ),
    "chat.help.rename": (
        "/rename #NEW|call this room otherwise",
        "/rename #НОВОЕ|переименовать эту комнату",
    ),
    "chat.help.public": (
        "/public|this room is open to everybody",
        "/public|эта комната открыта всем",
    ),
    "chat.help.private": (
        "/private|this room is by invitation only",
        "/private|в эту комнату только по приглашению",
    ),
    "chat.help.announce": (
        "/announce|only moderators write in this room",
        "/announce|в этой комнате пишут только модераторы",
    ),
    "chat.help.slow": (
        "/slow SECONDS/off|how often one may write here",
        "/slow СЕКУНДЫ/off|как часто здесь можно писать",
    ),
    "chat.help.freeze": (
        "/freeze [REASON]|for now only moderators write here",
        "/freeze [ПРИЧИНА]|пока здесь пишут только модераторы",
    ),
    "chat.help.unfreeze": (
        "/unfreeze [REASON]|everybody writes here again",
        "/unfreeze [ПРИЧИНА]|здесь снова пишут все",
    ),
    "chat.help.kick": (
        "/kick NAME [REASON]|put somebody out of this room; in #general, disconnect them",
        "/kick ИМЯ [ПРИЧИНА]|вывести из комнаты; в #general — отключить от сервера",
    ),
    "chat.help.ban": (
        "/ban NAME [+devices] [10m/2h/3d/1w] [REASON]|and not let them back; in #general, the "
        "whole server",
        "/ban ИМЯ [+devices] [10мин/2ч/3д/1н] [ПРИЧИНА]|и не пускать; в #general — на весь сервер",
    ),
    "chat.help.unban": ("/unban NAME [REASON]|end a ban", "/unban ИМЯ [ПРИЧИНА]|снять запрет"),
    "chat.help.mute": (
        "/mute NAME [10m/2h/3d/1w] [REASON]|let somebody only read here",
        "/mute ИМЯ [10мин/2ч/3д/1н] [ПРИЧИНА]|пусть здесь только читает",
    ),
    "chat.help.unmute": ("/unmute NAME [REASON]|end that", "/unmute ИМЯ [ПРИЧИНА]|вернуть слово"),
    "chat.help.bans": (
        "/bans|who is banned or muted here",
        "/bans|кому здесь закрыт вход или слово",
    ),
    "chat.help.op": ("/op NAME|make a moderator here", "/op ИМЯ|сделать здесь модератором"),
    "chat.help.deop": ("/deop NAME|make a member again", "/deop ИМЯ|снова сделать участником"),
    "chat.help.role": (
        "/role NAME ROLE [REASON]|member, moderator, owner; in #general, admin and guest too",
        "/role ИМЯ РОЛЬ [ПРИЧИНА]|участник, модератор, владелец; в #general — и админ, гость",
    ),
    "chat.help.ledger": (
        "/ledger|who did what to whom here, and why",
        "/ledger|кто здесь что с кем сделал и почему",
    ),
    "chat.help.accounts": ("/accounts|the people of this server", "/accounts|люди этого сервера"),
    "chat.help.invitation": (
        "/invitation [ROLE] [USES] [DAYS] [for NAME]|a code that lets people join this server",
        "/invitation [РОЛЬ] [ВХОДОВ] [ДНЕЙ] [для ИМЯ]|код, по которому впускает сервер",
    ),
    "chat.help.invitations": (
        "/invitations|those that still let somebody in",
        "/invitations|какие ещё действуют",
    ),
    "chat.help.end-invitation": (
        "/end-invitation ID|let nobody in by it any more",
        "/end-invitation ID|больше по нему не впускать",
    ),
    "chat.help.password": (
        "/password|keep your name by a password, or change it",
        "/password|закрепить имя паролем или сменить пароль",
    ),
    "chat.help.devices": ("/devices|your devices", "/devices|ваши устройства"),
    "chat.help.link": (
        "/link|a code by which another device of yours enters",
        "/link|код, по которому войдёт другое ваше устройство",
    ),
    "chat.help.forget": (
        "/forget DEVICE|let a device come back no more",
        "/forget УСТРОЙСТВО|больше не пускать устройство",
    ),
    "chat.help.signout": (
        "/signout [all]|forget this device, or all of yours",
        "/signout [all]|отвязать это устройство или все ваши",
    ),
    "chat.help.delete-account": (
        "/delete-account [all]|be nobody any more; all: what you said goes too",
        "/delete-account [all]|удалить учётную запись; all — и всё сказанное",
    ),
}
