"""What the commands of who holds the machine say: `molva invite | user | admin | code`."""

PHRASES: dict[str, tuple[str, str]] = {
    "admin.no_data": (
        "There is no server's data in {path}. Name the directory with --data or MOLVA_DATA.",
        "В каталоге {path} нет данных сервера. Назовите каталог: --data или MOLVA_DATA.",
    ),
    "admin.unreadable": ("Cannot read {path}: {error}.", "{path} не читается: {error}."),
    "admin.not_ours": (
        "The data in {path} are another user's: run this as that user.",
        "Данные в {path} принадлежат другому пользователю: запустите команду от его имени.",
    ),
    "admin.between": (
        "Process {pid} has the data in {path} and cannot be asked: a server that starts or stops, "
        "or another of these commands. Try again in a moment.",
        "Данные в {path} заняты процессом {pid}, и он не отвечает: сервер запускается или "
        "останавливается, или идёт другая такая команда. Повторите через мгновение.",
    ),
    "admin.gone": (
        "The server (process {pid}) does not answer. If it was asked for something, see whether "
        "that was done.",
        "Сервер (процесс {pid}) не отвечает. Если что-то уже было запрошено, проверьте, сделано "
        "ли оно.",
    ),
    "admin.no_answer": (
        "There was no answer. See whether it was done.",
        "Ответа нет. Проверьте, сделано ли запрошенное.",
    ),
    "admin.lost": (
        "The disk failed, and whether it was done cannot be known. Look again.",
        "Сбой диска; сделано ли запрошенное, неизвестно. Проверьте.",
    ),
    "admin.cut": ("… and {n} more", "… и ещё {n}"),
    "admin.which": ("Give one of these: {options}.", "Укажите что-то одно: {options}."),
    "admin.host": ("HOST", "АДРЕС"),
    "admin.html_alone": (
        "--html goes with --names, and without --json.",
        "--html указывают вместе с --names и без --json.",
    ),
    "admin.one_use": (
        "An invitation for one name is good once: leave out --uses.",
        "Именное приглашение действует один раз: уберите --uses.",
    ),
    "admin.bad_duration": (
        "How long is a number with a unit, such as 30m, 2h, 3d or 1w.",
        "Срок — это число с единицей: 30м, 2ч, 3д или 1н.",
    ),
    "admin.invite.code": ("Code: {code}", "Код: {code}"),
    "admin.invite.link": ("Link: {link}", "Ссылка: {link}"),
    "admin.invite.terminal": ("In a terminal: {command}", "В терминале: {command}"),
    "admin.invite.good": (
        "As {role}, uses: {n}, good {until}. It is shown this once.",
        "Роль — {role}, входов: {n}, действует {until}. Больше оно не покажется.",
    ),
    "admin.invite.named": (
        "For {name} alone, as {role}, good {until}. It is shown this once.",
        "Только для имени {name}, роль — {role}, действует {until}. Больше оно не покажется.",
    ),
    "admin.invite.near": (
        "This server listens on this machine alone. If others come another way, say --host.",
        "Сервер слушает только эту машину. Если к нему попадают иначе, укажите --host.",
    ),
    "admin.invite.no_link": (
        "Where others find this server is not known, so there are no links: say --host.",
        "Адрес сервера для других неизвестен, поэтому ссылок нет: укажите --host.",
    ),
    "admin.invite.none": ("There are no invitations.", "Приглашений нет."),
    "admin.invite.ended": (
        "Nobody comes in by this invitation any more.",
        "По этому приглашению больше никто не войдёт.",
    ),
    "admin.names.encoding": ("The file is not UTF-8.", "Файл не в кодировке UTF-8."),
    "admin.names.none": ("There are no names.", "Имён нет."),
    "admin.names.many": ("More than {most} names.", "Имён больше {most}."),
    "admin.names.twice": (
        "{name}: this name, or one that looks like it, is on line {line} already.",
        "{name}: такое или похожее имя уже есть в строке {line}.",
    ),
    "admin.names.nothing": (
        "Nothing was made. Mend the list and try again.",
        "Ничего не создано. Исправьте список и повторите.",
    ),
    "admin.names.here": (
        "{name} is here already: no invitation was made.",
        "{name} уже есть на сервере: приглашение не создано.",
    ),
    "admin.page.refused": ("Cannot write {path}: {error}.", "Не удаётся записать {path}: {error}."),
    "admin.page.written": (
        "{path}: invitations: {n}. Whoever has a code can come in by it; print the page and "
        "remove it.",
        "{path}: приглашений: {n}. По коду войдёт любой, у кого он есть; напечатайте страницу и "
        "удалите её.",
    ),
    "admin.slip.title": ("Invitations", "Приглашения"),
    "admin.slip.link": ("With a browser: {link}", "В браузере: {link}"),
    "admin.slip.terminal": ("In a terminal: {command}", "В терминале: {command}"),
    "admin.slip.code": (
        "Code: {code}, for this name alone, good once, {until}.",
        "Код: {code}, только для этого имени, на один раз, {until}.",
    ),
    "admin.slip.words": ("Fingerprint of the server: {words}", "Отпечаток сервера: {words}"),
    "admin.code.code": ("Join code: {code}", "Код входа: {code}"),
    "admin.code.none": (
        "This server asks for no join code. (molva serve --access code)",
        "Этот сервер не спрашивает код входа. (molva serve --access code)",
    ),
    "admin.code.not_yet": (
        "There is no join code yet: molva code --new makes one, or the server when it starts with "
        "--access code.",
        "Кода входа ещё нет: его создаст molva code --new или сервер при запуске с --access code.",
    ),
    "admin.code.given": (
        "The join code is one of the settings (join_code): change it there.",
        "Код входа задан в настройках (join_code): смените его там.",
    ),
    "admin.code.not_taken": (
        "There is a new join code, but the server (process {pid}) has not taken it: restart it.",
        "Новый код входа создан, но сервер (процесс {pid}) его не принял: перезапустите сервер.",
    ),
    "admin.user.password": (
        "{name} has a new password, and every device of theirs must enter anew.",
        "{name}: пароль сменён; всем устройствам нужно войти заново.",
    ),
    "admin.user.removed": (
        "{name} is deleted, and nobody gets that name.",
        "{name}: учётная запись удалена, имя никому не достанется.",
    ),
    "admin.user.banned": ("{name} is banned.", "{name}: вход закрыт."),
    "admin.user.unbanned": ("{name} may come again.", "{name}: вход снова открыт."),
    "admin.user.not_banned": ("{name} is not banned.", "{name}: вход и не закрыт."),
    "admin.sanction.ban": ("{name}: banned {until}", "{name}: вход закрыт {until}"),
    "admin.sanction.mute": ("{name}: may only read, {until}", "{name}: только чтение, {until}"),
    "admin.sanction.none": ("Nobody is banned or muted.", "Запретов нет."),
    "admin.role": ("{name}: {role}", "{name}: {role}"),
    "admin.ask.keep": (
        "Delete {name} for ever, and leave what they said? [y/N]",
        "Удалить {name} навсегда, а сказанное оставить? [д/Н]",
    ),
    "admin.ask.erase": (
        "Delete {name} for ever, and all that they said? [y/N]",
        "Удалить {name} навсегда и всё сказанное тоже? [д/Н]",
    ),
    "admin.ask.yes": (
        "This cannot be undone: say --yes where nobody can be asked.",
        "Это не отменить: где некого спросить, укажите --yes.",
    ),
    "admin.ask.password": (
        "Nobody can be asked for a password here: say --stdin or --generate.",
        "Здесь некого спросить о пароле: укажите --stdin или --generate.",
    ),
    "admin.ask.new": ("New password:", "Новый пароль:"),
    "admin.ask.again": ("The same again:", "Ещё раз:"),
    "admin.ask.differ": (
        "The two are not the same; nothing was changed.",
        "Пароли не совпали; ничего не изменено.",
    ),
    # -- Their options --------------------------------------------------------------------------
    "admin.cli.invite": (
        "Make an invitation, or one for each name of a list.",
        "Создать приглашение или по одному на каждое имя списка.",
    ),
    "admin.cli.invite_role": (
        "What they become: guest, member, moderator, admin or owner; member unless given.",
        "Кем станут: guest, member, moderator, admin или owner; без указания member.",
    ),
    "admin.cli.uses": (
        "How many may come by it; 1 unless given.",
        "Сколько человек войдёт по нему; без числа 1.",
    ),
    "admin.cli.days": (
        "How many days it is good; 7 unless given.",
        "Сколько дней действует; без числа 7.",
    ),
    "admin.cli.invite_name": ("For this name alone.", "Только для этого имени."),
    "admin.cli.names": (
        "A file of names, one a line: a sheet of slips, one invitation for each.",
        "Файл имён, по одному в строке: лист с приглашением на каждое имя.",
    ),
    "admin.cli.html": (
        "Write the sheet as a page to print, with QR codes.",
        "Записать лист страницей для печати, с QR-кодами.",
    ),
    "admin.cli.invite_list": ("List the invitations.", "Показать приглашения."),
    "admin.cli.invite_end": (
        "End an invitation, by its id or its code.",
        "Отменить приглашение по его id или коду.",
    ),
    "admin.cli.host": (
        "HOST or HOST:PORT where others find this server.",
        "АДРЕС или АДРЕС:ПОРТ, по которому сервер находят другие.",
    ),
    "admin.cli.json": ("Print a line of JSON for each.", "Вывести каждое строкой JSON."),
    "admin.cli.reason": ("Why, for all to read.", "Причина; её увидят все."),
    "admin.cli.code": ("Show the join code.", "Показать код входа."),
    "admin.cli.code_new": (
        "Make another; the old one lets nobody in.",
        "Создать другой; прежний больше не подойдёт.",
    ),
    "admin.cli.admin": ("Make somebody an administrator.", "Сделать кого-то администратором."),
    "admin.cli.admin_role": (
        "Or owner, moderator, member; admin unless given.",
        "Или owner, moderator, member; без указания admin.",
    ),
    "admin.cli.admin_list": (
        "List those who are more than members.",
        "Показать всех, кто больше чем участник.",
    ),
    "admin.cli.user": (
        "Help or put out those who have names here.",
        "Помочь людям или закрыть им вход.",
    ),
    "admin.cli.name": ("Their name.", "Имя."),
    "admin.cli.name_or_address": (
        "A name, an IPv6 address, or a range such as 192.0.2.7/32.",
        "Имя, адрес IPv6 или диапазон вида 192.0.2.7/32.",
    ),
    "admin.cli.list": ("List everybody.", "Показать всех."),
    "admin.cli.password": (
        "Give somebody a new password; asked for twice.",
        "Сменить чей-то пароль; спрашивается дважды.",
    ),
    "admin.cli.stdin": (
        "Take it from the first line of the standard input.",
        "Взять первую строку стандартного ввода.",
    ),
    "admin.cli.generate": ("Make one and print it.", "Создать и вывести."),
    "admin.cli.remove": ("Delete somebody for ever.", "Удалить кого-то навсегда."),
    "admin.cli.words": (
        "Whether what they said stays (keep) or goes (erase); keep unless given.",
        "Оставить сказанное (keep) или стереть (erase); без указания keep.",
    ),
    "admin.cli.yes": ("Do not ask.", "Не спрашивать."),
    "admin.cli.ban": ("Put somebody out of the server.", "Закрыть кому-то вход на сервер."),
    "admin.cli.lasting": (
        "How long, such as 2h or 3d; for good unless given.",
        "На сколько, например 2ч или 3д; без срока навсегда.",
    ),
    "admin.cli.devices": (
        "Their devices too, whatever name they come under.",
        "И устройства, под каким бы именем они ни пришли.",
    ),
    "admin.cli.unban": ("Let somebody come again.", "Снова открыть кому-то вход."),
    "admin.cli.sanctions": ("List bans and mutes.", "Показать запреты."),
}
